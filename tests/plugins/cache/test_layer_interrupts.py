"""One interrupt at any line of the cache loses nothing: no flight, no lock, no lease, no half-written file."""

from __future__ import annotations

import linecache
import sys
import threading
from itertools import count
from pathlib import Path

import pytest

import pegboard_cache
from pegboard import Session, task
from pegboard_cache import Cache, Caching
from pegboard_cache.locks.single_flight import SINGLE_FLIGHT

pytestmark = pytest.mark.filterwarnings(
    "ignore::pytest.PytestUnraisableExceptionWarning"
)  # of files that are dropped
OURS = str(Path(pegboard_cache.__file__).parent)


class Interrupt:
    """Raises KeyboardInterrupt at the n-th line that runs in the cache, once."""

    def __init__(self, line):
        self.left = line

    def __enter__(self):
        sys.settrace(self._call)
        return self

    def __exit__(self, *_):
        sys.settrace(None)

    def _call(self, frame, event, _):
        return self._line if frame.f_code.co_filename.startswith(OURS) else None

    def _line(self, frame, event, _):
        text = linecache.getline(frame.f_code.co_filename, frame.f_lineno).lstrip()
        if event == "line" and not text.startswith(
            "with "
        ):  # left in one call of C, which no signal comes before
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt
        return self._line


def interrupted_everywhere(call):
    """Call once for each line that there is, with an interrupt at that line."""
    for line in count(1):
        with Interrupt(line) as interrupt:
            try:
                call(line)
            except KeyboardInterrupt:
                pass
        yield line
        if interrupt.left > 0:
            return


@pytest.mark.parametrize("lock", [False, True], ids=["", "lock"])
@pytest.mark.parametrize("kind", ["memory", "folder"])
def test_one_interrupt_loses_nothing(tmp_path, kind, lock):
    """Wherever it strikes, the next equal call runs or hits, here and in another thread, and nothing is left over."""

    @task(Cache(lock=lock))
    def body(x):
        return [x]

    caching = Caching(None if kind == "memory" else tmp_path / "cache")
    with Session(caching, inherit=False) as session:
        body(0)
        for line in interrupted_everywhere(body):
            assert not SINGLE_FLIGHT._flights, line
            assert not SINGLE_FLIGHT._waits, line
            assert body(line) == [line]
        assert line > 50
        found = []

        def elsewhere():
            with session:
                found.append(body(line))

        thread = threading.Thread(target=elsewhere, daemon=True)
        thread.start()
        thread.join(10)
        assert found == [[line]]
        assert caching.stats().failures == 0
    if kind == "folder":
        assert not list((tmp_path / "cache").rglob("partial-*"))


def test_an_interrupt_in_a_handler(tmp_path):
    """An equal call made while the interrupt is being handled does not wait for the call that it ended."""

    @task(Cache())
    def body(x):
        return [x]

    with Session(Caching(), inherit=False):
        body(0)
        for line in range(1, 200):
            with Interrupt(line):
                try:
                    body(line)
                except KeyboardInterrupt:
                    sys.settrace(None)
                    assert body(line) == [line]


def test_streams_lose_nothing(tmp_path):
    """Nor does a stream."""

    @task(Cache())
    def body(x):
        yield x
        yield x

    caching = Caching(tmp_path / "cache")
    with Session(caching, inherit=False):
        for line in interrupted_everywhere(lambda x: list(body(x))):
            assert list(body(line)) == [line, line]
    assert not list((tmp_path / "cache").rglob("partial-*"))
