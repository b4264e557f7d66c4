"""One awaitable at several positions of `gather` and `parallel`."""

from __future__ import annotations

import asyncio
import functools
import gc

import pytest

from pegboard import MapError, Session, gather, parallel, task
from pegboard.testing import Recorder

runs: list[int] = []


@task
async def count(x: int = 0) -> int:
    await asyncio.sleep(0)
    runs.append(x)
    return len(runs)


@task
async def broken() -> None:
    await asyncio.sleep(0)
    runs.append(-1)
    raise ValueError("broken")


class Later:
    """Something to await, that counts how often it is."""

    def __await__(self):
        return count().__await__()


@pytest.fixture(autouse=True)
def _anew():
    runs.clear()


@pytest.mark.parametrize(
    "make",
    [count, count.acall, Later, lambda: _plain()],  # noqa: PLW0108 - defined below
    ids=["coroutine", "acall", "own awaitable", "plain coroutine"],
)
@pytest.mark.parametrize("concurrency", [None, 1])
def test_an_awaitable_runs_once_however_often_it_stands_there(make, concurrency) -> None:
    """And every position gets what it gave."""

    async def main() -> list[int]:
        shared = make()
        return await gather(shared, count(), shared, shared, concurrency=concurrency)

    with Session():
        first, other, *rest = asyncio.run(main())
    assert rest == [first, first]
    assert other != first
    assert len(runs) == 2


async def _plain() -> int:
    return await count()


def test_parallel_does_so_too() -> None:
    """In its own loop."""
    shared = count()
    with Session():
        assert parallel(shared, shared) == [1, 1]


@pytest.mark.parametrize(
    "make", [lambda: functools.partial(count, 1), lambda: count], ids=["partial", "task"]
)
def test_what_is_handed_over_uncalled_runs_for_each_position(make) -> None:
    """It says how to make a call, and is none."""
    with Session():
        assert sorted(asyncio.run(_twice(make()))) == [1, 2]


async def _twice(what):
    return await gather(what, what)


def test_a_future_and_a_task_may_stand_there_twice() -> None:
    """They could before."""

    async def main() -> list[int]:
        running = asyncio.ensure_future(count())
        return await gather(running, running)

    with Session():
        assert asyncio.run(main()) == [1, 1]


def test_the_error_of_one_is_the_error_of_each_position() -> None:
    """The very object; raised once, or in each slot."""

    async def main() -> None:
        shared = broken()
        with pytest.raises(ValueError, match="broken"):
            await gather(shared, shared)
        shared = broken()
        one, two = await gather(shared, shared, on_error="collect")
        assert one is two
        shared = broken()
        with pytest.raises(MapError) as caught:
            await gather(count(), shared, shared, on_error="aggregate")
        assert list(caught.value.errors) == [1, 2]

    with Session():
        asyncio.run(main())
    assert runs.count(-1) == 3


def test_cancelled_it_is_cancelled_at_each_position(caplog) -> None:
    """And asyncio has nothing to complain of."""
    log: list[str] = []

    async def endless() -> None:
        try:
            await asyncio.sleep(300)
        finally:
            log.append("over")

    async def main() -> None:
        shared = endless()
        running = asyncio.ensure_future(gather(shared, shared))
        await asyncio.sleep(0.01)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        gc.collect()

    with Session():
        asyncio.run(main(), debug=True)
    assert log == ["over"]
    assert [each for each in caplog.records if each.levelname == "ERROR"] == []


def test_it_is_one_call_of_the_group() -> None:
    """Observers are told of it once."""
    recorder = Recorder()

    async def main() -> None:
        shared = count()
        await gather(shared, shared)

    with Session(recorder):
        asyncio.run(main())
    (call,) = [each.subject for each in recorder.of("before_execute")]
    (group,) = [each.subject for each in recorder.of("after_group")]
    assert call.group is group
    assert (group.size, group.calls) == (2, 1)
