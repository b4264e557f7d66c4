"""Datasets beside other plugins: what is saved, when, and what is kept of it."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from pegboard import Session, hookimpl, task
from pegboard.testing import FakeClock, Recorder
from pegboard_cache import Cache, Caching
from pegboard_datasets import ArtifactRef, Dataset, DatasetError, DatasetNotFound, Datasets, Load, Persist
from pegboard_retry import Retry

both = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])


class Told(Recorder):
    """A recorder that keeps the events of datasets too."""

    @hookimpl(optionalhook=True)
    def on_dataset_save(self, call, key):
        self._keep("on_dataset_save", call, key=key)


class Refusing:
    """A store that refuses to write."""

    address = "refusing"

    def put(self, key, data):
        raise OSError(28, "No space left on device")

    def get(self, key):
        return None

    def size(self, key):
        return None

    def delete(self, key):
        return False


def make(body, is_async, *options):
    """Make a task of either colour."""

    async def later(x):
        await asyncio.sleep(0)
        return body(x)

    later.__wrapped__ = body
    return task(*options)(later if is_async else body)


@both
def test_retries_then_the_dataset_then_the_cache(tmp_path, is_async) -> None:
    """A task that fails twice: three runs, one file, one entry, in the documented order."""
    runs = []

    def body(x):
        runs.append(x)
        if len(runs) < 3:
            raise OSError("again")
        return {"x": x}

    recorder = Told()
    work = make(body, is_async, Dataset("{x}.json"), Cache(), Retry(2))
    with Session(
        FakeClock(), recorder, Datasets(tmp_path / "d"), Caching(tmp_path / "c"), inherit=False, strict=True
    ):
        assert work.run(1).unwrap() == {"x": 1}
        assert work.run(1).source == "cache"
    assert len(runs) == 3
    told = [text.split()[0] for text in recorder.log()]
    assert told == [
        "before_execute",
        "on_cache_miss",
        *["before_attempt", "after_attempt", "on_retry"] * 2,
        "before_attempt",
        "after_attempt",
        "on_dataset_save",
        "after_execute",
        "before_execute",
        "on_cache_hit",
        "after_execute",
    ]


@both
def test_a_hit_saves_nothing(tmp_path, is_async) -> None:
    """A file that was removed stays removed."""
    work = make(lambda x: [x], is_async, Dataset("{x}.json"), Cache())
    with Session(Datasets(tmp_path), Caching(), inherit=False):
        work.run(1)
        (tmp_path / "1.json").unlink()
        assert work.run(1).source == "cache"
    assert not (tmp_path / "1.json").exists()


@both
def test_a_failing_save_is_neither_cached_nor_retried(tmp_path, is_async) -> None:
    """The body ran once for each call, and the next call runs it again."""
    runs = []
    work = make(lambda x: runs.append([x]), is_async, Dataset("{x}.json"), Cache(), Retry(3))
    with Session(Datasets(store=Refusing()), Caching(tmp_path), inherit=False) as session:
        for count in (1, 2):
            assert isinstance(work.run(1).error, DatasetError)
            assert len(runs) == count
        assert session.plugins["cache"].stats().entries == 0


@both
@pytest.mark.parametrize("folder", [None, "cache"], ids=["memory", "folder"])
def test_a_hit_returns_the_same_reference(tmp_path, is_async, folder) -> None:
    """The cache keeps the reference, not the value, and it loads."""
    work = make(lambda x: list(range(x)), is_async, Persist(), Cache())
    caching = Caching(None if folder is None else tmp_path / folder)
    with Session(Datasets(tmp_path / "d"), caching, inherit=False):
        first, second = work.run(5), work.run(5)
        assert (first.source, second.source) == ("run", "cache")
        assert isinstance(second.value, ArtifactRef)
        assert first.value == second.value
        assert second.value.load() == [0, 1, 2, 3, 4]


PROGRAM = """
import sys
from pegboard import Session, task
from pegboard_cache import Cache, Caching
from pegboard_datasets import Datasets, Persist

@task(Persist(), Cache())
def work(x: int):
    print("ran")
    return list(range(x))

if __name__ == "__main__":
    with Session(Datasets(sys.argv[1]), Caching(sys.argv[2])):
        ref = work(3)
    print(ref.digest, ref.load())
"""


def test_another_process_gets_the_same_reference_from_the_cache(tmp_path) -> None:
    """The second process runs nothing, and loads the value."""
    (tmp_path / "program.py").write_text(PROGRAM)
    command = [sys.executable, str(tmp_path / "program.py"), str(tmp_path / "d"), str(tmp_path / "c")]
    first, second = (subprocess.check_output(command, text=True, cwd=tmp_path) for _ in range(2))
    assert first == f"ran\n{second}"
    assert second.endswith(" [0, 1, 2]\n")


@both
def test_a_reference_is_the_key_and_its_value_is_not_loaded_for_a_hit(tmp_path, is_async) -> None:
    """What follows a persisted task is cached by the digest: the second call reads no artifact."""
    total = make(sum, is_async, Load(), Cache())
    datasets = Datasets(tmp_path)
    with Session(datasets, Caching(), inherit=False):
        ref = datasets.persist([1, 2])
        assert total.run(ref).value == 3
        datasets.delete(ref.key)
        assert (total.run(ref).source, total.run(ref).value) == ("cache", 3)
        other = datasets.persist([1, 2, 3])
        datasets.delete(other.key)
        assert isinstance(total.run(other).error, DatasetNotFound)


def test_a_stream_is_saved_and_cached_when_it_has_finished(tmp_path) -> None:
    """From the cache it comes again, and is not saved again."""

    def numbers(x):
        yield from range(x)

    stream = task(Dataset("{x}.jsonl"), Cache())(numbers)
    with Session(Datasets(tmp_path), Caching(), inherit=False):
        assert list(stream(3)) == [0, 1, 2]
        assert (tmp_path / "3.jsonl").read_text() == "0\n1\n2\n"
        (tmp_path / "3.jsonl").unlink()
        assert stream.run(3).source == "cache"
    assert not (tmp_path / "3.jsonl").exists()


def test_a_stream_whose_save_failed_is_not_cached() -> None:
    """As with values."""

    def numbers(x):
        yield from range(x)

    stream = task(Dataset("{x}.jsonl"), Cache())(numbers)
    with Session(Datasets(store=Refusing()), Caching(), inherit=False) as session:
        assert isinstance(stream.run(3).error, DatasetError)
        assert session.plugins["cache"].stats().entries == 0
