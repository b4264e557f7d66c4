"""What happens around a task that only runs so often at once."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from pegboard import Layer, Order
from pegboard_limits._errors import LimitExceeded
from pegboard_limits.concurrency.slot import Ticket

if TYPE_CHECKING:
    import asyncio

    from pegboard import Call
    from pegboard.layers import Proceed, ProceedStream
    from pegboard_limits.concurrency.slot import Place
    from pegboard_limits.concurrency.slots import Places


def concurrency_layer(places: Places, max_wait: float | None) -> Layer:
    """Make the layer: a call takes a place before anything else, and gives it back however it ends."""
    enter, leave = places.enter, places.leave

    async def run(call: Call, proceed: Proceed) -> Any:
        place = enter(call) or await _wait(places, call, max_wait)
        try:
            return await proceed(call)
        finally:
            leave(call.number, place)

    async def stream(call: Call, proceed: ProceedStream) -> AsyncIterator[Any]:
        place = enter(call) or await _wait(places, call, max_wait)
        try:
            async for item in proceed(call):
                yield item
        finally:
            leave(call.number, place)

    return Layer("limits", Order.LIMIT, run=run, stream=stream)


async def _wait(places: Places, call: Call, max_wait: float | None) -> Place:
    monotonic = call.session.clock.monotonic
    began = monotonic()
    place = await wait_for_place(places, call, most_wait(call, max_wait))
    if place is None:
        raise refusal(places, call, max_wait)
    try:
        call.emit("on_wait", places.name, monotonic() - began)
    except BaseException:  # KeyboardInterrupt in an observer
        places.leave(call.number, place)
        raise
    return place


async def wait_for_place(places: Places, call: Call, most: float | None) -> Place | None:
    """Wait for a place for so many seconds at most; None when none came."""
    place: Place | None = await call.io(_block, places, call, most, afn=_suspend)
    return place


def most_wait(call: Call, max_wait: float | None) -> float | None:
    """Tell how many seconds a call may wait: what it asks for, and not more than limits from outside leave it."""
    left = _time_left(call)
    return left if max_wait is None else max_wait if left is None else min(left, max_wait)


def _time_left(call: Call) -> float | None:
    """What limits from outside leave a function; a coroutine is cancelled by them.

    The limit of the call around this one counts: it is handed down further in only.
    """
    if call.is_async:
        return None
    left = call.time_left
    return left if left is not None or call.parent is None else call.parent.time_left


def _block(places: Places, call: Call, most: float | None) -> Place | None:
    """Wait in a thread; None when no place came in time."""
    arrived = threading.Event()

    def wake() -> bool:
        arrived.set()
        return True

    ticket = Ticket(call.number, wake)
    try:
        places.queue(call, ticket)
        if ticket.place is None:
            arrived.wait(most)
    except BaseException:  # KeyboardInterrupt
        _drop(places, ticket)
        raise
    return ticket.place or places.give_up(ticket)


async def _suspend(places: Places, call: Call, most: float | None) -> Place | None:
    """Do what `_block` does, in an event loop."""
    import asyncio

    loop = asyncio.get_running_loop()
    arrived: asyncio.Future[None] = loop.create_future()
    ticket = Ticket(call.number, lambda: _wake(loop, arrived))
    try:
        places.queue(call, ticket)
        if ticket.place is None:
            async with asyncio.timeout(most):
                await arrived
    except TimeoutError:
        return places.give_up(ticket)
    except BaseException:  # cancelled
        _drop(places, ticket)
        raise
    return ticket.place


def _wake(loop: asyncio.AbstractEventLoop, arrived: asyncio.Future[None]) -> bool:
    try:
        loop.call_soon_threadsafe(_settle, arrived)
    except RuntimeError:  # that loop is closed: nobody waits there any more
        return False
    return True


def _settle(arrived: asyncio.Future[None]) -> None:
    if not arrived.done():
        arrived.set_result(None)


def _drop(places: Places, ticket: Ticket) -> None:
    """Leave the queue; a place that came a moment ago goes to the next."""
    place = places.give_up(ticket)
    if place is not None:
        places.leave(ticket.number, place)


def refusal(places: Places, call: Call, max_wait: float | None) -> LimitExceeded:
    """Say that no place came in time."""
    task = call.task.name
    why = "it has no time left to wait" if max_wait is None else f"it may wait {max_wait:g} s for one"
    return LimitExceeded(
        f"task {task!r} was not run: all {places.n} places of {places.name!r} are taken, and {why}.\n"
        f"Call less at once, or raise the number of places or its max_wait.",
        name=places.name,
        task=task,
        max_wait=max_wait,
        retry_after=None,
    )
