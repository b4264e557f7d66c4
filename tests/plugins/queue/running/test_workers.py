"""What runs items, where it fails itself: the manager ends with that error, and nobody waits on."""

from __future__ import annotations

import asyncio
import threading

import pytest

from pegboard import MustBeAwaited, Session, task
from pegboard_queue import Item, ManagerClosed, State, TaskManager


class BrokenClock:
    """A session's clock that fails once it is told to: every start and end of an item asks it."""

    def __init__(self) -> None:
        self.is_broken = False

    def time(self) -> float:
        return 0.0

    def monotonic(self) -> float:
        if self.is_broken:
            raise OSError("no clock")
        return 0.0


@task
def work(x: int) -> int:
    return x


@task
async def awork(x: int) -> int:
    return x


@task
def items(x: int):
    yield x


def broken_manager(session: Session, made: object, count: int = 3) -> tuple[TaskManager, list[Item]]:
    """Return a manager whose workers fail with `OSError: no clock`, and its items."""
    session.clock = clock = BrokenClock()
    manager = TaskManager(1)
    manager.pause()
    submitted = [manager.submit(made, (index,)) for index in range(count)]
    clock.is_broken = True
    manager.resume()
    with pytest.raises(OSError, match="no clock"):
        submitted[0].wait(5)
    clock.is_broken = False
    return manager, submitted


@pytest.mark.parametrize("made", [work, awork, items], ids=lambda made: made.kind)
def test_the_error_of_a_worker_reaches_everybody_who_waits(made, caplog) -> None:
    """For an item, for all of them, and for the end of the manager."""
    with Session(inherit=False) as session:
        manager, submitted = broken_manager(session, made)
        for item in submitted:
            with pytest.raises(OSError, match="no clock"):
                item.wait(5)
            assert item.state is State.FAILED
        with pytest.raises(OSError, match="no clock"):
            manager.join(5)
        with pytest.raises(ManagerClosed) as caught:
            manager.submit(made, (1,))
        assert isinstance(caught.value.__cause__, OSError)
        with pytest.raises(OSError, match="no clock"):
            manager.close()
    assert "ends its manager" in caplog.records[0].getMessage()


def test_who_waited_before_is_woken(caplog) -> None:
    """A thread that waits for an item, one for all, and a coroutine."""
    with Session(inherit=False) as session:
        session.clock = clock = BrokenClock()
        manager = TaskManager(1)
        manager.pause()
        item = manager.submit(work, (1,))
        caught: list[type] = []

        def waiting(wait) -> None:
            try:
                wait()
            except OSError as error:
                caught.append(type(error))

        async def awaiting() -> None:
            await item

        waits = (item.wait, manager.join, lambda: asyncio.run(awaiting()))
        threads = [threading.Thread(target=waiting, args=(wait,)) for wait in waits]
        for thread in threads:
            thread.start()
        clock.is_broken = True
        manager.resume()
        for thread in threads:
            thread.join(5)
        assert caught == [OSError] * 3
        with pytest.raises(OSError, match="no clock"):
            manager.close()


def test_the_error_of_the_block_goes_before_that_of_a_worker(caplog) -> None:
    """What went wrong in the queue is noted on it."""
    with Session(inherit=False) as session:
        manager, _ = broken_manager(session, work)
        with pytest.raises(KeyError) as caught, manager:
            raise KeyError("block")
    assert "no clock" in str(caught.value.__notes__)


def test_a_thread_that_cannot_be_started_ends_the_manager(monkeypatch, caplog) -> None:
    """An item that nobody will ever run is not waited for."""

    def refused(self) -> None:
        raise RuntimeError("can't start new thread")

    with Session(inherit=False), monkeypatch.context() as patched:
        manager = TaskManager(1)
        patched.setattr(threading.Thread, "start", refused)
        item = manager.submit(work, (1,))
        with pytest.raises(RuntimeError, match="can't start"):
            item.wait(5)
        with pytest.raises(RuntimeError, match="can't start"):
            manager.close()


@pytest.mark.parametrize("made", [lambda: awork(1), lambda: asyncio.sleep(0)], ids=["task", "plain"])
def test_an_item_that_gives_a_coroutine_fails(manager, made) -> None:
    """Nobody would ever await it; the item is told so, and the coroutine closed."""
    item = manager.submit(made, name="gives")
    with pytest.raises(MustBeAwaited, match="'gives' returned a coroutine"):
        item.wait(5)
    assert (item.state, item.value, item.attempts) == (State.FAILED, None, 1)
