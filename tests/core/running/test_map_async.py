"""`task.amap`: the same, to be awaited."""

from __future__ import annotations

import asyncio
import threading

import pytest

from pegboard import Session, current_call, task
from pegboard.testing import Recorder


@task(name="adouble")
async def adouble(x: int) -> int:
    await asyncio.sleep(0)
    return 2 * x


@task(name="double")
def double(x: int) -> int:
    return 2 * x


@pytest.mark.parametrize("probe", [double, adouble], ids=["sync", "async"])
@pytest.mark.parametrize("concurrency", [None, 1, 3])
def test_results_come_in_input_order(probe, concurrency: int | None) -> None:
    """Sync tasks run in threads, async ones in the loop; results stand where their inputs stood."""

    async def main() -> list[int]:
        async with Session():
            assert await probe.amap([]) == []
            return await probe.amap(range(50), concurrency=concurrency)

    assert asyncio.run(main()) == [2 * x for x in range(50)]


def test_calls_overlap_up_to_the_limit() -> None:
    """Async calls run at once, and never more than asked for."""
    inside = most = 0

    @task
    async def work(x: int) -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0)
        inside -= 1

    async def main() -> None:
        with Session():
            await work.amap(range(20), concurrency=4)

    asyncio.run(main())
    assert most == 4


def test_a_failure_cancels_and_awaits_the_siblings() -> None:
    """Under "raise" every sibling has run its `finally` before the task's own error leaves."""
    cleaned = []
    error = ValueError("third")

    @task
    async def work(x: int) -> None:
        try:
            if x == 2:
                raise error
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            cleaned.append(x)

    recorder = Recorder()

    async def main() -> None:
        with Session(recorder), pytest.raises(ValueError) as caught:
            await work.amap(range(5))
        assert caught.value is error
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())
    assert sorted(cleaned) == [0, 1, 2, 3, 4]
    assert recorder.unbalanced() == []
    statuses = [event.details["outcome"].status for event in recorder.of("after_execute")]
    assert sorted(statuses) == ["cancelled"] * 4 + ["error"]


def test_collect_keeps_errors_in_their_slots() -> None:
    """All inputs run, and an exception takes the place of a result."""
    error = ValueError("odd")

    @task
    async def even(x: int) -> int:
        if x % 2:
            raise error
        return x

    async def main() -> list[object]:
        with Session():
            return await even.amap(range(4), on_error="collect")

    assert asyncio.run(main()) == [0, error, 2, error]


def test_cancelling_a_map_cancels_and_awaits_its_calls() -> None:
    """Whoever cancels an amap gets the cancellation once nothing runs any more."""
    ended = []

    @task
    async def work(x: int) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            ended.append(x)

    recorder = Recorder()

    async def main() -> None:
        with Session(recorder):
            mapping = asyncio.ensure_future(work.amap(range(3)))
            for _ in range(3):
                await asyncio.sleep(0)
            mapping.cancel()
            with pytest.raises(asyncio.CancelledError):
                await mapping

    asyncio.run(main())
    assert sorted(ended) == [0, 1, 2]
    assert recorder.unbalanced() == []
    (after,) = recorder.of("after_group")
    assert after.details["outcome"].status == "cancelled"


def test_a_cancelled_map_of_sync_tasks_waits_for_its_threads() -> None:
    """A sync body cannot be stopped, so it is waited for: nothing goes on behind the map's back."""
    entered, release = threading.Event(), threading.Event()
    ended = []

    @task
    def work(x: int) -> None:
        entered.set()
        release.wait(10)
        ended.append(x)

    async def main() -> None:
        with Session():
            mapping = asyncio.ensure_future(work.amap([1]))
            await asyncio.to_thread(entered.wait, 10)
            mapping.cancel()
            await asyncio.sleep(0.01)
            assert not mapping.done()
            release.set()
            with pytest.raises(asyncio.CancelledError):
                await mapping

    asyncio.run(main())
    assert ended == [1]


def test_a_body_that_is_cancelled_by_itself_ends_the_map() -> None:
    """A CancelledError is no result, and passes as itself."""

    @task
    async def work(x: int) -> None:
        if x == 1:
            raise asyncio.CancelledError
        await asyncio.sleep(60)

    async def main() -> None:
        with Session():
            await work.amap(range(3), on_error="collect")

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())


def test_items_have_contexts_of_their_own() -> None:
    """Each call of an amap is current in its own asyncio task only."""

    @task
    async def item(x: int) -> tuple[int | None, bool]:
        await asyncio.sleep(0)
        call = current_call()
        return call.map_index, call.group.kind == "map"

    async def main() -> object:
        with Session():
            got = await item.amap(range(5))
            assert current_call() is None
            return got

    assert asyncio.run(main()) == [(i, True) for i in range(5)]


def test_a_map_that_is_dropped_ends_once() -> None:
    """Closing the coroutine of an amap cancels its calls and tells the end of the group."""
    recorder = Recorder()

    @task
    async def work(x: int) -> None:
        await asyncio.sleep(60)

    async def main() -> None:
        with Session(recorder):
            mapping = work.amap(range(3))
            mapping.send(None)
            mapping.close()
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    asyncio.run(main())
    assert recorder.unbalanced() == []
    (after,) = recorder.of("after_group")
    assert after.details["outcome"].status == "closed"


def test_async_calls_run_inline_and_sync_ones_on_threads() -> None:
    """`call.executor` says where a call really runs."""
    recorder = Recorder()

    async def main() -> None:
        with Session(recorder):
            await adouble.amap([1])
            await double.amap([1])

    asyncio.run(main())
    assert [event.subject.executor for event in recorder.of("before_execute")] == ["inline", "threads"]
