"""What happens around a task that only runs so often at once."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from pegboard import Layer, Order
from pegboard.parts.stopping import wait_for
from pegboard.parts.wakers import new_waker
from pegboard_limits._errors import LimitExceeded
from pegboard_limits.concurrency.slots import Waiter

if TYPE_CHECKING:
    from pegboard import Call
    from pegboard.layers import Proceed, ProceedStream
    from pegboard_limits.concurrency.slots import Slot, Slots


def concurrency_layer(slots: Slots, max_wait: float | None) -> Layer:
    """Make the layer: a call takes a slot before anything else, and gives it back however it ends."""
    enter, leave = slots.enter, slots.leave

    async def run(call: Call, proceed: Proceed) -> Any:
        slot = enter(call) or await _wait(slots, call, max_wait)
        try:
            return await proceed(call)
        finally:
            leave(call.number, slot)

    async def stream(call: Call, proceed: ProceedStream) -> AsyncIterator[Any]:
        slot = enter(call) or await _wait(slots, call, max_wait)
        try:
            async for item in proceed(call):
                yield item
        finally:
            leave(call.number, slot)

    return Layer("limits", Order.LIMIT, run=run, stream=stream)


async def _wait(slots: Slots, call: Call, max_wait: float | None) -> Slot:
    monotonic = call.session.clock.monotonic
    began = monotonic()
    slot = await wait_for_slot(slots, call, longest_wait(call, max_wait))
    if slot is None:
        raise refusal(slots, call, max_wait)
    try:
        call.emit("on_wait", slots.name, monotonic() - began)
    except BaseException:  # KeyboardInterrupt in an observer
        slots.leave(call.number, slot)
        raise
    return slot


async def wait_for_slot(slots: Slots, call: Call, most: float | None) -> Slot | None:
    """Wait for a slot for so many seconds at most; None when none came."""
    slot: Slot | None = await call.io(_wait_in_thread, slots, call, most, afn=_wait_in_loop)
    return slot


def longest_wait(call: Call, max_wait: float | None) -> float | None:
    """Tell how many seconds a call may wait: what it asks for, and not more than the time limits around it leave."""
    left = _time_left(call)
    return left if max_wait is None else max_wait if left is None else min(left, max_wait)


def _time_left(call: Call) -> float | None:
    """What the time limits around a function leave it; a coroutine is cancelled by them.

    The time limit of the call around this one counts: it is handed down further in only.
    """
    if call.is_async:
        return None
    left = call.time_left
    return left if left is not None or call.parent is None else call.parent.time_left


def _wait_in_thread(slots: Slots, call: Call, most: float | None) -> Slot | None:
    """Wait in a thread; None when no slot came in time."""
    arrived = threading.Event()

    def wake() -> bool:
        arrived.set()
        return True

    waiter = Waiter(call.number, wake)
    try:
        slots.queue(call, waiter)
        if waiter.slot is None:
            wait_for(arrived, most)
    except BaseException:  # KeyboardInterrupt, or cancelled
        _leave_queue(slots, waiter)
        raise
    return waiter.slot or slots.give_up(waiter)


async def _wait_in_loop(slots: Slots, call: Call, most: float | None) -> Slot | None:
    """Do what `_wait_in_thread` does, in an event loop."""
    import asyncio

    arrived, wake = new_waker()
    waiter = Waiter(call.number, wake)
    try:
        slots.queue(call, waiter)
        if waiter.slot is None:
            async with asyncio.timeout(most):
                await arrived
    except TimeoutError:
        return slots.give_up(waiter)
    except BaseException:  # cancelled
        _leave_queue(slots, waiter)
        raise
    return waiter.slot


def _leave_queue(slots: Slots, waiter: Waiter) -> None:
    """Leave the queue; a slot that came a moment ago goes to the next."""
    slot = slots.give_up(waiter)
    if slot is not None:
        slots.leave(waiter.number, slot)


def refusal(slots: Slots, call: Call, max_wait: float | None) -> LimitExceeded:
    """Say that no slot came in time."""
    task = call.task.name
    why = "it has no time left to wait" if max_wait is None else f"it may wait {max_wait:g} s for one"
    return LimitExceeded(
        f"task {task!r} was not run: all {slots.n} slots of {slots.name!r} are taken, and {why}.\n"
        f"Call less at once, or raise the number of slots or its max_wait.",
        name=slots.name,
        task=task,
        max_wait=max_wait,
        retry_after=None,
    )
