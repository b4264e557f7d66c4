"""Cancelling, retrying, pausing."""

from __future__ import annotations

import threading
import time

import pytest

from pegboard import task
from pegboard_queue import (
    IllegalTransition,
    ItemCancelled,
    State,
    current_item,
)


@task
def double(x: int) -> int:
    return 2 * x


def test_a_function_that_runs_is_told_of_its_cancellation(manager) -> None:
    """Its result is dropped, and it holds its slot to its end."""
    began = threading.Event()

    @task
    def long() -> str:
        began.set()
        while not current_item().is_cancelled:
            time.sleep(0.001)
        return "dropped"

    item = manager.submit(long)
    assert began.wait(5)
    item.cancel()
    with pytest.raises(ItemCancelled):
        item.wait(5)
    manager.join(5)
    assert (item.state, item.value) == (State.CANCELLED, None)


def test_a_coroutine_that_runs_is_cancelled(manager) -> None:
    """It sees a CancelledError, as everywhere."""
    import asyncio

    began, ended = threading.Event(), []

    @task
    async def long() -> None:
        began.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    item = manager.submit(long)
    assert began.wait(5)
    item.cancel()
    manager.join(5)
    assert (item.state, ended) == (State.CANCELLED, ["cancelled"])


def test_only_a_failed_item_is_retried(manager) -> None:
    """It runs anew, and once it has completed it is not retried."""
    errors = [ValueError()]

    @task
    def once() -> str:
        if errors:
            raise errors.pop()
        return "well"

    item = manager.submit(once)
    with pytest.raises(ValueError):
        item.wait(5)
    item.retry()
    assert item.wait(5) == "well"
    assert item.error is None
    with pytest.raises(IllegalTransition, match=r"once.*completed"):
        item.retry()
    assert item.state is State.COMPLETED


def test_a_paused_item_stays_until_it_is_resumed(manager, gate) -> None:
    """Later ones go before it."""
    manager.submit(gate)
    assert gate.running.wait(5)
    item = manager.submit(double, (1,))
    item.pause()
    later = manager.submit(double, (2,))
    gate.open.set()
    assert later.wait(5) == 4
    assert item.state is State.PAUSED
    item.resume()
    assert item.wait(5) == 2


def test_a_paused_manager_starts_nothing(manager) -> None:
    """What is submitted meanwhile is ready, and runs once it goes on."""
    manager.pause()
    item = manager.submit(double, (1,))
    with pytest.raises(TimeoutError):
        item.wait(0.01)
    assert item.state is State.READY
    manager.resume()
    assert item.wait(5) == 2
