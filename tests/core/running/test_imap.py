"""`imap` and `aimap`: results handed over one by one, bounded, and ended when left."""

from __future__ import annotations

import asyncio
import gc
import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pegboard import Session, SessionError, current_call, task
from pegboard.testing import Recorder


@task(name="double")
def double(x: int) -> int:
    if x < 0:
        raise ValueError(x)
    return 2 * x


@task(name="adouble")
async def adouble(x: int) -> int:
    await asyncio.sleep(0)
    if x < 0:
        raise ValueError(x)
    return 2 * x


def read(probe: Any, *iterables: Any, most: int | None = None, **options: Any) -> list[Any]:
    """Read an imap, and leave it after `most` results."""
    got = []
    stream = probe.imap(*iterables, **options)
    for item in itertools.islice(stream, most):
        got.append(item)  # noqa: PERF402 - what came before an error counts
    stream.close()
    return got


def aread(probe: Any, *iterables: Any, most: int | None = None, **options: Any) -> list[Any]:
    """Read an aimap, and leave it after `most` results."""

    async def main() -> list[Any]:
        got: list[Any] = []
        async with aclosing(probe.aimap(*iterables, **options)) as stream:
            async for item in stream:
                got.append(item)
                if len(got) == most:
                    break
        return got

    return asyncio.run(main())


ways = pytest.mark.parametrize(
    ("read", "probe"),
    [(read, double), (read, adouble), (aread, double), (aread, adouble)],
    ids=["imap", "imap-async", "aimap-sync", "aimap"],
)
Read = Callable[..., list[Any]]


@ways
def test_results_come_in_input_order(read: Read, probe) -> None:
    """One for each input; no input gives none."""
    with Session():
        assert read(probe, range(30)) == [2 * x for x in range(30)]
        assert read(probe, []) == []


@given(items=st.lists(st.integers(0, 99), max_size=20), concurrency=st.none() | st.integers(1, 4))
@settings(max_examples=20, deadline=None)
def test_as_completed_hands_over_the_same_results(items: list[int], concurrency: int | None) -> None:
    """`ordered=False` may change the order, and nothing else."""
    with Session(inherit=False):
        expected = sorted(2 * x for x in items)
        assert sorted(read(double, items, ordered=False, concurrency=concurrency)) == expected
        assert sorted(aread(adouble, items, ordered=False, concurrency=concurrency)) == expected


@ways
def test_every_input_ends_without_end(read: Read, probe) -> None:
    """An endless input is read as far as it is needed: no further ahead than twice what may run."""
    taken = itertools.count()
    with Session():
        assert read(probe, iter(taken.__next__, -1), most=10, concurrency=2) == [2 * x for x in range(10)]
    assert next(taken) <= 10 + 4


@ways
def test_what_waits_to_be_handed_over_is_bounded(read: Read, probe) -> None:
    """Also when the calls are quicker than their consumer: done ones count against what may be taken."""
    taken = itertools.count()

    with Session():
        if read is aread:

            async def main() -> None:
                async with aclosing(probe.aimap(iter(taken.__next__, -1), concurrency=3)) as stream:
                    for _ in range(10):
                        await anext(stream)
                        await asyncio.sleep(0.003)

            asyncio.run(main())
        else:
            stream = probe.imap(iter(taken.__next__, -1), concurrency=3)
            for _ in range(10):
                next(stream)
                threading.Event().wait(0.003)
            stream.close()
    assert next(taken) <= 10 + 6


@pytest.mark.parametrize("way", ["imap", "aimap"])
def test_a_slow_first_one_does_not_hold_the_workers_up(way: str) -> None:
    """While it is waited for, others run, as many as may be kept."""
    ended: list[int] = []
    enough = threading.Event()

    @task
    def work(x: int) -> int:
        if x == 0:
            assert enough.wait(10)
            return x
        ended.append(x)
        if len(ended) == 3:
            enough.set()
        return x

    with Session():
        got = {"imap": read, "aimap": aread}[way](work, range(8), concurrency=2)
    assert got == list(range(8))


def test_as_completed_hands_a_quick_one_over_first() -> None:
    """`ordered=False` does not wait for the slow one before it."""
    release = threading.Event()

    @task
    def work(x: int) -> int:
        if x == 0:
            release.wait(10)
        return x

    with Session():
        stream = work.imap(range(4), ordered=False)
        quick = [next(stream) for _ in range(3)]
        release.set()
        assert (sorted(quick), list(stream)) == ([1, 2, 3], [0])


def test_an_async_one_hands_a_quick_one_over_first() -> None:
    """The same in an event loop."""

    @task
    async def work(x: int) -> int:
        await asyncio.sleep(0.05 if x == 0 else 0)
        return x

    with Session():
        assert aread(work, range(4), ordered=False)[-1] == 0
        assert read(work, range(4), ordered=False)[-1] == 0
        assert aread(work, range(4)) == [0, 1, 2, 3]


@ways
@pytest.mark.parametrize("concurrency", [1, 3])
def test_concurrency_is_a_bound(read: Read, probe, concurrency: int) -> None:
    """Never more at once than asked for."""
    guard = threading.Lock()
    inside = most = 0

    def enter(by: int) -> None:
        nonlocal inside, most
        with guard:
            inside += by
            most = max(most, inside)

    @task
    def slow(x: int) -> None:
        enter(1)
        threading.Event().wait(0.002)
        enter(-1)

    @task
    async def aslow(x: int) -> None:
        enter(1)
        await asyncio.sleep(0.002)
        enter(-1)

    with Session():
        read(slow if probe is double else aslow, range(12), concurrency=concurrency)
    assert most == concurrency


@ways
def test_raise_ends_it_with_the_tasks_own_error(read: Read, probe) -> None:
    """The note tells the item, the group ends once with that error, and nothing is left running."""
    recorder = Recorder()
    with Session(recorder), pytest.raises(ValueError) as caught:
        read(probe, itertools.chain([1, -2], itertools.count()))
    assert "as item 1 of a map" in caught.value.__notes__
    (after,) = recorder.of("after_group")
    assert after.details["outcome"].error is caught.value
    assert recorder.unbalanced() == []


@ways
def test_collect_hands_errors_over(read: Read, probe) -> None:
    """An exception comes in the place of a result, and the rest goes on."""
    recorder = Recorder()
    with Session(recorder):
        first, second, third = read(probe, [1, -2, 3], on_error="collect")
    assert (first, type(second), third) == (2, ValueError, 6)
    assert recorder.of("after_group")[0].subject.failed == 1


@ways
def test_leaving_it_early_ends_it(read: Read, probe) -> None:
    """What runs is over when the loop has been left; the group is closed, once."""
    recorder = Recorder()
    with Session(recorder):
        read(probe, itertools.count(), most=3)
        (after,) = recorder.of("after_group")
        assert after.details["outcome"].status == "closed"
        assert recorder.unbalanced() == []


@pytest.mark.parametrize("probe", [double, adouble], ids=["sync", "async"])
def test_dropping_it_ends_it(probe) -> None:
    """An iterator that is garbage ends like one that was closed, and leaves no thread of its own."""
    recorder = Recorder()
    with Session(recorder):
        stream = probe.imap(itertools.count())
        assert next(stream) == 0
        del stream
        gc.collect()
        assert len(recorder.of("after_group")) == 1
        assert recorder.unbalanced() == []
    assert [thread.name for thread in threading.enumerate() if thread.name == "pegboard-loop"] == []


def test_leaving_it_waits_for_what_runs_and_cancels_what_waits() -> None:
    """A body that runs ends before `close()` returns; one that was only handed over never runs."""
    begun, ended = [], []

    @task
    def work(x: int) -> int:
        begun.append(x)
        if x:
            threading.Event().wait(0.05)
        ended.append(x)
        return x

    with ThreadPoolExecutor(2) as pool, Session(executor=pool):
        stream = work.imap(range(100))
        assert next(stream) == 0
        stream.close()
        assert sorted(begun) == sorted(ended)
        assert len(begun) <= 5


def test_one_that_nobody_reads_does_nothing() -> None:
    """It begins with the first item asked for: until then no input is read and no group told."""
    recorder = Recorder()

    def inputs() -> Iterator[int]:
        raise LookupError
        yield

    with Session(recorder):
        double.imap(inputs())
        adouble.aimap(inputs())
    assert recorder.events == []


@ways
def test_an_input_that_fails_ends_it(read: Read, probe) -> None:
    """The input's own error is raised, after what was begun has ended."""

    def inputs() -> Iterator[int]:
        yield 1
        raise LookupError("input")

    recorder = Recorder()
    with Session(recorder), pytest.raises(LookupError, match="input"):
        read(probe, inputs())
    assert recorder.unbalanced() == []


@pytest.mark.parametrize("way", ["imap", "aimap"])
@pytest.mark.parametrize(
    ("arguments", "options", "error"),
    [
        ((), {}, TypeError),
        (([1],), {"on_error": "aggregate"}, ValueError),
        (([1],), {"concurrency": 0}, ValueError),
        ((3,), {}, TypeError),
    ],
    ids=["no input", "aggregate", "no concurrency", "no iterable"],
)
def test_what_means_nothing_is_refused_at_once(way: str, arguments, options, error) -> None:
    """Before anything is read; "aggregate" would have to keep what is handed over."""
    with Session(), pytest.raises(error):
        getattr(double, way)(*arguments, **options)


def test_an_async_task_is_refused_inside_a_running_loop() -> None:
    """Waiting for it would block the loop; the error names the way out."""

    async def main() -> None:
        with Session():
            next(adouble.imap([1]))

    with pytest.raises(SessionError, match="aimap"):
        asyncio.run(main())


def test_one_begun_after_its_session_is_refused() -> None:
    """Its session is the one in which it was made, and that has ended."""
    with Session():
        stream = double.imap([1])
    with pytest.raises(SessionError, match="has ended"):
        next(stream)


def test_calls_know_their_index_and_parent() -> None:
    """The calls are those of a map: index, group, parent, and a rendered name."""

    @task(name="it{map_index}")
    def item(x: int) -> tuple[object, ...]:
        call = current_call()
        return call.name, call.group.kind, call.parent.task.name

    @task(name="outer")
    def outer() -> list[object]:
        return list(item.imap("ab"))

    with Session():
        assert outer() == [("it0", "map", "outer"), ("it1", "map", "outer")]


def test_nested_ones_end() -> None:
    """A waiter runs what nobody has begun."""

    @task
    def nest(level: int) -> int:
        return 1 if level == 0 else sum(nest.imap([level - 1] * 3))

    with ThreadPoolExecutor(2) as pool, Session(executor=pool):
        assert nest(7) == 3**7


def test_the_loop_goes_on_between_two_items() -> None:
    """Async calls make progress while the consumer is busy."""
    done = threading.Event()

    @task
    async def work(x: int) -> int:
        if x:
            await asyncio.sleep(0.01)
            done.set()
        return x

    with Session():
        stream = work.imap(range(2))
        assert next(stream) == 0
        assert done.wait(5)
        stream.close()


def test_cancelling_the_reader_of_an_aimap_ends_it() -> None:
    """The calls are cancelled and awaited before the cancellation leaves."""
    ended = []

    @task
    async def waits(x: int) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(x)

    async def reader() -> None:
        async for _ in waits.aimap(range(3)):
            pass

    async def main() -> None:
        reading = asyncio.ensure_future(reader())
        await asyncio.sleep(0.01)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert sorted(ended) == [0, 1, 2]

    recorder = Recorder()
    with Session(recorder):
        asyncio.run(main())
    assert recorder.of("after_group")[0].details["outcome"].status == "cancelled"
