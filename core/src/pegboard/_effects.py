"""What a layer may do without knowing whether it serves a sync or an async call.

Each effect returns something to await (or to enter with `async with`) that, in a sync call, blocks and never suspends.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, NamedTuple

from pegboard._side_threads import SIDE_THREADS

if TYPE_CHECKING:
    from pegboard._call import Call
    from pegboard.errors import TaskTimeout


class Limit(NamedTuple):
    """Until when a sync call may take, and what to raise then; `at` is in the clock's monotonic seconds."""

    at: float
    seconds: float
    error: type[TaskTimeout]

    def exceeded(self, call: Call) -> TaskTimeout:
        """Make the error to raise at the limit."""
        return limit_error(call, self.seconds, self.error)


def limit_error(call: Call, seconds: float, error: type[TaskTimeout]) -> TaskTimeout:
    """Say that `call` took longer than `seconds`."""
    name = call.task.name
    return error(
        f"task {name!r} took longer than its {error.label} of {seconds:g} s.", task=name, seconds=seconds
    )


def run_within(limit: Limit, call: Call, function: Callable[..., Any]) -> Any:
    """Run the function of a sync call in a thread of its own, and stop waiting for it at the limit."""
    left = limit.at - call.session.clock.monotonic()
    if left <= 0:
        raise limit.exceeded(call)
    finished = False

    def run() -> Any:
        nonlocal finished
        try:
            return function(*call.args, **call.kwargs)
        finally:
            finished = True

    try:
        return SIDE_THREADS.run(run, left)
    except TimeoutError:
        if finished:  # the function's own TimeoutError
            raise
        raise limit.exceeded(call) from None


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
    left = limit.at - clock.monotonic()
    clock.sleep(min(seconds, max(left, 0.0)))
    if seconds >= left:
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

    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as caught:
        # asyncio.timeout turns its own cancellation into a TimeoutError; one that the body raised has no such cause.
        if isinstance(caught.__cause__, asyncio.CancelledError):
            raise limit_error(call, seconds, error) from None
        raise


@asynccontextmanager
async def _timeout_sync(call: Call, seconds: float, error: type[TaskTimeout]) -> AsyncIterator[None]:
    outer = call._limit
    limit = Limit(call.session.clock.monotonic() + seconds, seconds, error)
    call._limit = limit if outer is None or limit.at < outer.at else outer
    try:
        yield
    finally:
        call._limit = outer
