"""Waiting, from inside and from event loops."""

from __future__ import annotations

import asyncio
import threading

import pytest

from pegboard import task
from pegboard_queue import (
    Item,
    ItemCancelled,
    QueueError,
    State,
    TaskManager,
    current_item,
)


@task
def double(x: int) -> int:
    return 2 * x


@task
def fib(manager: TaskManager, n: int) -> int:
    if n < 2:
        return n
    parts = [manager.submit(fib if n % 2 else afib, (manager, n - each)) for each in (1, 2)]
    return sum(part.wait(20) for part in parts)


@task
async def afib(manager: TaskManager, n: int) -> int:
    if n < 2:
        return n
    parts = [manager.submit(afib if n % 2 else fib, (manager, n - each)) for each in (1, 2)]
    return sum([await part for part in parts])


@pytest.mark.parametrize("work", [fib, afib])
def test_items_within_items_cannot_deadlock(manager, work) -> None:
    """With one slot, functions and coroutines that wait for each other."""
    assert manager.submit(work, (manager, 8)).wait(20) == 21


def test_an_item_runs_what_its_child_depends_on(manager) -> None:
    """With one slot, which it holds itself."""

    @task
    def outer() -> int:
        first = manager.submit(double, (1,))
        return manager.submit(double, (2,), depends_on=[first]).wait(5)

    assert manager.submit(outer).wait(5) == 4


def test_a_wait_that_could_never_end_is_refused(manager) -> None:
    """For itself, for what depends on it, for all."""

    @task
    def outer() -> list[str]:
        me, refused = current_item(), []
        behind = manager.submit(double, (1,), depends_on=[me])
        for wait in (me.wait, behind.wait, manager.join, manager.close):
            try:
                wait()
            except QueueError as error:
                refused.append(type(error).__name__)
        return refused

    assert manager.submit(outer).wait(5) == ["QueueError"] * 4


def test_an_event_loop_is_not_blocked(manager) -> None:
    """It would stop everything in it."""

    async def main() -> None:
        item = manager.submit(double, (4,))
        for wait in (
            lambda: manager.submit(threading.Event().wait, (0.1,)).wait(),
            manager.join,
            manager.close,
        ):
            with pytest.raises(QueueError, match="Await it instead"):
                wait()
        with pytest.raises(QueueError), TaskManager():
            pass
        assert await item == 8

    asyncio.run(main())


def test_async_code_waits_without_blocking(session, gate) -> None:
    """The values and the errors are those of `wait`."""

    async def main() -> None:
        async with TaskManager(2) as manager:
            stuck = manager.submit(gate)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await manager.await_item(stuck)
            assert stuck.state in (State.READY, State.RUNNING)
            gate.open.set()
            assert await stuck == "through"
            await manager.ajoin()
            gone = manager.submit(double, (1,), depends_on=[manager.submit(gate)])
            gone.cancel()
            with pytest.raises(ItemCancelled):
                await gone

    asyncio.run(main())


def test_no_more_coroutines_run_at_once_than_there_are_slots(session) -> None:
    """`workers` counts them too."""
    running, most = set(), []

    @task
    async def work(x: int) -> None:
        running.add(x)
        most.append(len(running))
        await asyncio.sleep(0.005)
        running.discard(x)

    with TaskManager(3) as manager:
        for x in range(12):
            manager.submit(work, (x,))
    assert max(most) == 3


def test_an_error_in_an_async_block_cancels(session) -> None:
    """As in a sync one."""

    @task
    async def forever() -> None:
        await asyncio.sleep(60)

    async def main() -> Item:
        with pytest.raises(KeyError):
            async with TaskManager(1) as manager:
                item = manager.submit(forever)
                await asyncio.sleep(0.01)
                raise KeyError
        return item

    assert asyncio.run(main()).state is State.CANCELLED
