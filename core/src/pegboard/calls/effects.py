"""What the effects of a call are made of: to be awaited or entered, and in a sync call they block and never suspend."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pegboard.calls.side_threads import SIDE_THREADS
from pegboard.calls.time_limit import Limit, limit_in_force
from pegboard.parts import stopping
from pegboard.parts.event_loop import running_loop

if TYPE_CHECKING:
    from types import TracebackType

    from pegboard.calls.call import Call
    from pegboard.errors import TaskTimeout


async def nothing() -> None:
    """Do nothing."""


async def sleep(call: Call, seconds: float) -> None:
    """Block on the session's clock, but not past the limit of a sync call."""
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


async def inline(function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """Call a function here."""
    return function(*args)


class HoldSync:
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


class HoldAsync(HoldSync):
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
