"""The plugin: plain lines about maps, streams and tasks that say how far they are; and its manners."""

from __future__ import annotations

import asyncio
import gc
import io
import subprocess
import sys
import weakref

import pytest

from pegboard import Session, task
from pegboard.testing import check_plugin
from pegboard_progress import Progress, progress


@pytest.mark.parametrize("live", [True, False])
def test_it_has_the_manners_of_a_plugin(live):
    """Tasks of all kinds do the same with it as without, and no thread is left."""
    check_plugin(lambda: Progress(io.StringIO(), live=live, after=0))


def test_a_map_writes_a_line_when_it_is_time_and_one_at_its_end(session, clock, lines):
    """A line at most every ten seconds, with count, share, rate and remaining time."""

    @task
    def fetch(x):
        clock.advance(4)

    fetch.map(range(10))
    assert lines() == [
        "map fetch  3/10, 30%, 15.0/min, 0:28 left",
        "map fetch  6/10, 60%, 15.0/min, 0:16 left",
        "map fetch  9/10, 90%, 15.0/min, 0:04 left",
        "map fetch  10/10, 100%, 15.0/min, ok after 0:40",
    ]


def test_an_async_map_writes_them_too(session, clock, lines):
    """Amap of a coroutine is a group like any other."""

    @task
    async def fetch(x):
        clock.advance(6)

    async def main():
        await fetch.amap(range(3), concurrency=1)

    asyncio.run(main())
    assert lines()[-1] == "map fetch  3/3, 100%, 10.0/min, ok after 0:18"


def test_failures_are_counted(session, clock, lines):
    """What fails is done, too, and said."""

    @task
    def fetch(x):
        clock.advance(1)
        if x % 2:
            raise OSError("no")

    fetch.map(range(4), on_error="collect")
    assert lines() == ["map fetch  4/4, 100%, 2 failed, 1.0/s, ok after 0:04"]


def test_a_map_that_raises_ends_with_an_error(session, clock, lines):
    """Its last line says how far it came."""

    @task
    def fetch(x):
        clock.advance(1)
        raise OSError("no")

    with pytest.raises(OSError):
        fetch.map(range(4), concurrency=1)
    assert lines() == ["map fetch  1/4, 25%, 1 failed, 1.0/s, error after 0:01"]


def test_a_map_of_unknown_size_has_no_share(session, clock, lines):
    """A lazy input says not how long it is."""

    @task
    def fetch(x):
        clock.advance(1)

    fetch.map(x for x in range(3))
    assert lines() == ["map fetch  3, 1.0/s, ok after 0:03"]


def test_a_stream_counts_its_items(session, clock, lines):
    """Sync and async streams alike; items are never shown."""

    @task
    def rows():
        for _ in range(4):
            clock.advance(5)
            yield "a value"

    @task
    async def rows_later():
        for _ in range(4):
            clock.advance(5)
            yield "a value"

    async def main():
        return [row async for row in rows_later()]

    list(rows())
    asyncio.run(main())
    assert [line.partition(",")[0] for line in lines()] == [
        "rows  2",
        "rows  4",
        "rows  4",
        "rows_later  2",
        "rows_later  4",
        "rows_later  4",
    ]


def test_a_stream_left_early_says_so(session, clock, lines):
    """A closed stream ends its line."""

    @task
    def rows():
        while True:
            clock.advance(1)
            yield 1

    stream = rows()
    next(stream)
    stream.close()
    assert lines() == ["rows  1, 1.0/s, closed after 0:01"]


def test_a_task_says_how_far_it_is(session, clock, lines):
    """progress(done, total) makes a line of the running call."""

    @task
    def load():
        for done in (0, 50):
            clock.advance(10)
            progress(done, 100)
        clock.advance(10)
        progress(100)

    load()
    assert [line.partition(",")[0] for line in lines()] == [
        "load  50/100",
        "load  100/100",
        "load  100/100",
    ]


def test_what_is_within_another_has_no_last_line(session, clock, lines):
    """Nested maps and streams show while they go on; only the outermost stays."""

    @task
    def inner(x):
        clock.advance(1)

    @task
    def outer(x):
        inner.map(range(3))

    outer.map(range(2))
    assert lines() == ["map outer  2/2, 100%, 20.0/min, ok after 0:06"]


def test_an_inner_session_shows_on_the_same_board(session, clock, lines):
    """Nested sessions inherit it, and bars of both are told together."""

    @task
    def inner(x):
        clock.advance(6)

    @task
    def outer(x):
        with Session():
            inner.map(range(2))

    outer.map(range(1))
    assert lines()[0].startswith("map outer  0/1")
    assert lines()[1].startswith("map inner  2/2")
    assert len(lines()) == 3


def test_what_is_over_soon_is_not_shown(clock, out):
    """Nothing is written about what takes less than `after` seconds."""

    @task
    def fetch(x):
        clock.advance(0.1)

    with Session(clock, Progress(out, after=0.5), strict=True, inherit=False):
        fetch.map([1, 2])
        assert out.getvalue() == ""
        fetch.map(range(6), concurrency=1)
    assert out.getvalue() == "map fetch  6/6, 100%, 10.0/s, ok after 0:01\n"


def test_names_cannot_steer_a_terminal(session, clock, lines):
    """Control characters of a name are escaped."""

    def fetch(x):
        clock.advance(1)

    fetch.__qualname__ = "x\n[ERROR]\x1b[2J\u2028<b>"
    task(fetch).map([1])
    assert lines() == ["map x\\n[ERROR]\\x1b[2J\\u2028<b>  1/1, 100%, 1.0/s, ok after 0:01"]


@pytest.mark.usefixtures("session")
def test_values_are_not_kept():
    """Neither items nor inputs outlive their call because of a bar."""

    class Thing:
        pass

    seen = []

    @task
    def items(thing):
        made = Thing()
        seen.extend((weakref.ref(thing), weakref.ref(made)))
        yield made
        del made, thing
        yield 1

    stream = items(Thing())
    next(stream)
    next(stream)
    list(stream)
    del stream
    gc.collect()
    assert [ref() for ref in seen] == [None, None]


def test_a_closed_stream_is_said_once_and_stops_nothing(clock, out, caplog):
    """A closed terminal is fine: the tasks go on, and one warning is logged."""

    @task
    def fetch(x):
        clock.advance(20)
        return x

    out.close()
    with Session(clock, Progress(out, after=0), strict=True, inherit=False):
        assert fetch.map(range(3)) == [0, 1, 2]
        assert fetch.map(range(3)) == [0, 1, 2]
    assert [record.getMessage() for record in caplog.records] == [
        "progress is no longer shown: writing it failed with ValueError"
    ]


def test_one_instance_serves_several_sessions(clock, out):
    """The second of two open at once, and one after them."""

    @task
    def fetch(x):
        clock.advance(1)

    plugin = Progress(out, after=0)
    with Session(clock, plugin, strict=True, inherit=False):
        with Session(clock, plugin, strict=True, inherit=False):
            fetch.map([1])
        fetch.map([1])
    with Session(clock, plugin, strict=True, inherit=False):
        fetch.map([1])
    assert len(out.getvalue().splitlines()) == 3


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"file": "progress.txt"}, TypeError),
        ({"live": "yes"}, TypeError),
        ({"every": "10s"}, TypeError),
        ({"every": -1}, ValueError),
        ({"after": float("inf")}, ValueError),
        ({"after": True}, TypeError),
    ],
)
def test_bad_settings_are_refused(arguments, error):
    """A wrong argument is refused where it is written."""
    with pytest.raises(error):
        Progress(**arguments)


def test_importing_it_imports_no_rich():
    """Rich is imported when a bar is drawn."""
    program = "import sys, pegboard_progress; print('rich' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
