"""What a layer may do without knowing whether it serves a sync or an async call.

Each effect returns something to await (or to enter with `async with`) that, in a sync call, blocks and never suspends.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from pegboard._limits import Limit, limit_in_force

if TYPE_CHECKING:
    from pegboard._call import Call
    from pegboard.errors import TaskTimeout


async def _done() -> None:
    return None


def sleep(call: Call, seconds: float) -> Awaitable[None]:
    """Wait on the session's clock, but not past the limit of a sync call."""
    if seconds <= 0:
        return _done()
    if call.is_async:
        return call.session.clock.asleep(seconds)
    return _sleep_sync(call, seconds)


async def _sleep_sync(call: Call, seconds: float) -> None:
    clock = call.session.clock
    limit = call._limit
    if limit is None:
        clock.sleep(seconds)
        return
    left = limit.left()
    clock.sleep(min(seconds, max(left, 0.0)))
    if seconds >= left and not limit.lifted:
        raise limit.exceeded(call)


async def _inline(function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    return function(*args)


def io(
    call: Call, function: Callable[..., Any], args: tuple[Any, ...], afn: Callable[..., Awaitable[Any]] | None
) -> Awaitable[Any]:
    """Block in a sync call; in an async one await the async twin, or a thread."""
    if not call.is_async:
        return _inline(function, args)
    if afn is not None:
        return afn(*args)
    import asyncio

    return asyncio.to_thread(function, *args)


def offload(
    call: Call, function: Callable[..., Any], args: tuple[Any, ...], executor: str | None
) -> Awaitable[Any]:
    """Run a function on an executor of the session; a sync call has a thread of its own to run it in."""
    place = call.session.executors.get(executor)
    if not call.is_async:
        return _inline(function, args)
    import asyncio

    return asyncio.wrap_future(place.submit(copy_context().run, function, *args))


def timeout(call: Call, seconds: float, error: type[TaskTimeout]) -> AbstractAsyncContextManager[None]:
    """Limit what is awaited inside."""
    if not seconds > 0 or math.isnan(seconds):
        raise ValueError(f"a limit is a positive number of seconds, not {seconds!r}")
    return _timeout_async(call, seconds, error) if call.is_async else _timeout_sync(call, seconds, error)


@asynccontextmanager
async def _timeout_async(call: Call, seconds: float, error: type[TaskTimeout]) -> AsyncIterator[None]:
    import asyncio

    limit = Limit(call, seconds, error)
    try:
        with _in_force(call, limit):
            async with asyncio.timeout(seconds):
                yield
    except TimeoutError as caught:
        # asyncio.timeout turns its own cancellation into a TimeoutError; one that the body raised has no such cause.
        if isinstance(caught.__cause__, asyncio.CancelledError):
            raise limit.exceeded(call) from None
        raise


@asynccontextmanager
async def _timeout_sync(call: Call, seconds: float, error: type[TaskTimeout]) -> AsyncIterator[None]:
    with _in_force(call, Limit(call, seconds, error)):
        yield


@contextmanager
def _in_force(call: Call, limit: Limit) -> Iterator[None]:
    """Hold the call, and those that it makes meanwhile, to a limit, or to an earlier one that is in force already."""
    outer = call._limit
    if outer is not None and not outer.lifted and outer.at <= limit.at:
        limit.at, limit.seconds, limit.error = outer.at, outer.seconds, outer.error
    call._limit = limit
    token = limit_in_force.set(limit)
    try:
        yield
    finally:
        limit.lifted = limit.left() > 0
        call._limit = outer
        try:
            limit_in_force.reset(token)
        except ValueError:  # a coroutine that is dropped ends in the context that collects it
            pass
