"""What a layer may do without knowing whether it serves a sync or an async call.

Each effect returns something to await (or to enter with `async with`) that, in a sync call, blocks and never suspends.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from pegboard.calls.side_threads import SIDE_THREADS
from pegboard.calls.time_limit import Limit, limit_in_force
from pegboard.parts import stopping
from pegboard.parts.event_loop import running_loop
from pegboard.places import RemotePlace

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager
    from types import TracebackType

    from pegboard.calls.call import Call
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
    limit = call.time_limit
    if limit is None:
        stopping.sleep(clock, seconds)
        return
    left = limit.left()
    stopping.sleep(clock, min(seconds, max(left, 0.0)))
    if seconds >= left and not limit.lifted:
        raise limit.exceeded(call)


async def bodies_end(call: Call) -> None:
    """Wait for what a time limit gave up, but not past the limits that are left; nothing of an async call goes on."""
    limit = call.time_limit
    left = None if limit is None or limit.lifted else limit.left()
    if not SIDE_THREADS.wait_for_end(call.number, left) and limit is not None:
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

    running_loop()
    return asyncio.to_thread(function, *args)


def offload(
    call: Call, function: Callable[..., Any], args: tuple[Any, ...], executor: str | None
) -> Awaitable[Any]:
    """Run a function on an executor of the session; a sync call has a thread of its own to run it in."""
    place = call.session.place(executor)
    if not call.is_async:
        return _inline(function, args)
    import asyncio

    running_loop()
    if isinstance(place, RemotePlace):
        return asyncio.wrap_future(place.submit(function, *args))
    return asyncio.wrap_future(place.submit(copy_context().run, function, *args))


def timeout(call: Call, seconds: float, error: type[TaskTimeout]) -> AbstractAsyncContextManager[None]:
    """Limit what is awaited inside."""
    if not seconds > 0:  # which NaN is not either
        raise ValueError(f"a limit is a positive number of seconds, not {seconds!r}")
    return _HoldAsync(call, seconds, error) if call.is_async else _HoldSync(call, seconds, error)


class _HoldSync:
    """Holds a call, and those that it makes meanwhile, to a limit, or to an earlier one that is in force already.

    Classes instead of generators made context managers: they take half the time.
    """

    __slots__ = ("_call", "_limit", "_outer", "_token")

    def __init__(self, call: Call, seconds: float, error: type[TaskTimeout]) -> None:
        self._call = call
        self._limit = Limit(call, seconds, error)

    async def __aenter__(self) -> None:
        self._enter()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def _enter(self) -> None:
        limit, outer = self._limit, self._call.time_limit
        limit.shorten(outer)
        self._outer = outer
        self._call.time_limit = limit
        self._token = limit_in_force.set(limit)

    def _leave(self) -> None:
        limit = self._limit
        limit.lifted = limit.left() > 0
        self._call.time_limit = self._outer
        try:
            limit_in_force.reset(self._token)
        except ValueError:  # a coroutine that is dropped ends in the context that collects it
            pass


class _HoldAsync(_HoldSync):
    """The same for an async call, which is cancelled at the limit."""

    __slots__ = ("_timeout",)

    def __init__(self, call: Call, seconds: float, error: type[TaskTimeout]) -> None:
        import asyncio

        super().__init__(call, seconds, error)
        try:
            self._timeout = self._limit.timer = asyncio.timeout(seconds)
        except RuntimeError:
            running_loop()  # says why
            raise

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()
        self._enter()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError:  # made of the cancellation at the limit; the body's own is not raised here
            raise self._limit.exceeded(self._call) from None
        else:
            if kind is None and self._limit.left() <= 0:  # it blocked its loop, and could not be cancelled
                raise self._limit.exceeded(self._call)
        finally:
            self._leave()
