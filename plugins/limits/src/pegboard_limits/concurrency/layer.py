"""What happens around a task that only runs so often at once."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any
from weakref import ref

from pegboard import Layer, Order
from pegboard.parts.event_loop import running_loop
from pegboard.parts.stopping import release_once, wait_for_lock
from pegboard.parts.wakers import new_waker
from pegboard_limits._errors import LimitExceeded
from pegboard_limits.concurrency.slots import Waiter

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from pegboard import Call
    from pegboard.layers import Proceed, ProceedStream
    from pegboard_limits.concurrency.slots import Slots


def concurrency_layer(slots: Slots, max_wait: float | None, *, for_bodies: bool, is_async: bool) -> Layer:
    """Make the layer: a call takes a slot before anything else, and gives it back however it ends.

    Where an interrupt strikes in the end of a call, the slot is given back all the same: see `Slots`.

    Args:
        slots: The slots.
        max_wait: How long a call may wait for one, in seconds.
        for_bodies: Whether a call whose function goes on has its slot until that ends.
        is_async: Whether the calls run in an event loop.
    """
    enter, forget, serve = slots.enter, slots.held.pop, slots.serve
    waiting, inside, loops = slots.waiting, slots.inside, slots.loops

    async def run(call: Call, proceed: Proceed) -> Any:
        number = call.number
        try:
            if not enter(call):
                await _wait(slots, call, max_wait)
            return await proceed(call)
        finally:
            try:
                if for_bodies and call.abandoned:
                    slots.keep_for_bodies(call)
            finally:
                forget(number, None)
                if waiting or inside:
                    serve()

    async def run_async(call: Call, proceed: Proceed) -> Any:
        number = call.number
        try:
            loops[number] = loop_here()
            if not enter(call):
                await _wait(slots, call, max_wait)
            return await proceed(call)
        finally:
            try:
                forget(number, None)
            finally:
                loops.pop(number, None)
                if waiting or inside:
                    serve()

    async def stream(call: Call, proceed: ProceedStream) -> AsyncIterator[Any]:
        number = call.number
        try:
            if is_async:
                loops[number] = loop_here()
            if not enter(call):
                await _wait(slots, call, max_wait)
            async for item in proceed(call):
                yield item
        finally:
            try:
                forget(number, None)
            finally:
                loops.pop(number, None)
                if waiting or inside:
                    serve()

    return Layer("limits", Order.LIMIT, run=run_async if is_async else run, stream=stream)


def loop_here() -> ref[AbstractEventLoop]:
    """Refer to the event loop of an async call, without keeping it, and what it left behind, from the collector."""
    return ref(running_loop())


async def _wait(slots: Slots, call: Call, max_wait: float | None) -> None:
    monotonic = call.session.clock.monotonic
    began = monotonic()
    if not await wait_for_slot(slots, call, longest_wait(call, max_wait)):
        raise refusal(slots, call, max_wait)
    call.emit("on_wait", slots.name, monotonic() - began)


async def wait_for_slot(slots: Slots, call: Call, most: float | None) -> bool:
    """Wait for a slot for so many seconds at most; tell whether one came."""
    came: bool = await call.io(_wait_in_thread, slots, call, most, afn=_wait_in_loop)
    return came


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


def _wait_in_thread(slots: Slots, call: Call, most: float | None) -> bool:
    """Wait in a thread; False when no slot came in time."""
    away = threading.Lock()
    away.acquire()

    def wake() -> bool:
        release_once(away)
        return True

    waiter = Waiter(call, wake)
    try:
        slots.queue(waiter)
        arrived = wait_for_lock(away, most)
        waiter.served = arrived
        return arrived or slots.give_up(waiter)
    except BaseException:  # KeyboardInterrupt, or cancelled
        waiter.gone = True  # whoever gives it a slot looks here afterwards, and takes it back
        raise


async def _wait_in_loop(slots: Slots, call: Call, most: float | None) -> bool:
    """Do what `_wait_in_thread` does, in an event loop."""
    import asyncio

    arrived, wake = new_waker()
    waiter = Waiter(call, wake)
    try:
        slots.queue(waiter)
        try:
            async with asyncio.timeout(most):
                await arrived
        except TimeoutError:
            return slots.give_up(waiter)
        waiter.served = True
        return True
    except BaseException:  # cancelled
        waiter.gone = True
        raise


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
