"""A stream that has begun, and that its session has to end."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING, Any

from pegboard.current import running_call
from pegboard.errors import SessionError
from pegboard.plans.events import LEFT

if TYPE_CHECKING:
    from pegboard.calls.call import Call
    from pegboard.layers import Scope


class OpenStream:
    """A stream that has begun: what its session needs to end it, if it is not over by then.

    Attributes:
        call: Its call.
        within: `Context.run` of the context that all of it runs in.
        entered: The scopes that it has entered.
        abandoned: Whether observers were told its end already.
    """

    __slots__ = ("__weakref__", "_generator", "_loop", "abandoned", "call", "entered", "within")

    def __init__(self, call: Call, within: Callable[..., Any]) -> None:
        self.call = call
        self.within = within
        self.entered: list[tuple[Scope, Any]] = []
        self.abandoned = False
        self._generator: Callable[[], Any] = _nothing
        self._loop: object = None

    def of(self, generator: Any) -> Any:
        """Return this generator, which is the stream; it is not held here, so that it ends when nobody else holds it."""
        self._generator = weakref.ref(generator)
        return generator

    def begin(self) -> None:
        """Make its call the current one, have the session know of it, and enter the scopes; inside its context.

        Raises:
            SessionError: The session ended before the first step.
        """
        call, session = self.call, self.call.session
        running_call.set(call)
        call.stage = 0
        call.started = perf_counter()
        if not session.is_open:
            raise SessionError(
                f"stream {call.task.name!r} was called in {session!r}, which ended before its first item was asked for.\n"
                f"Read it inside the session, or call it after."
            )
        if call.is_async:
            import asyncio

            self._loop = asyncio._get_running_loop()  # None where somebody steps it by hand
        session.streams.add(self)
        if call.plan.scopes:
            call.plan.enter(call, self.entered)

    def end(self, error: BaseException | None) -> None:
        """Have the session forget it; inside its context."""
        self.call.session.streams.discard(self)
        self.call.plan.end(self.call, error, self.entered)

    def close(self) -> None:
        """Close it, or end its call for observers where the body runs at this moment or belongs to an event loop."""
        generator = self._generator()
        try:
            if generator is not None and not self.call.is_async and not generator.gi_running:
                generator.close()
        finally:
            self._see_that_it_ended()

    async def aclose(self) -> None:
        """Do what `close` does, also for a stream of this event loop."""
        import asyncio

        generator = self._generator()
        if not self.call.is_async:
            self.close()
            return
        here = self._loop is asyncio._get_running_loop()
        try:
            if generator is not None and here and not generator.ag_running:
                await generator.aclose()
        finally:
            self._see_that_it_ended()

    def _see_that_it_ended(self) -> None:
        if self in self.call.session.streams:
            self.abandon()

    def abandon(self) -> None:
        """End the call for observers; the body is left to itself, and its own end is told to nobody."""
        closed = GeneratorExit()
        self.abandoned = True
        self.call.session.streams.discard(self)
        self.call.plan.end_attempt(self.call, closed)
        try:
            self.within(self.call.plan.end, self.call, closed, self.entered)
        except RuntimeError:  # its context is in use: the body runs, and leaves the scopes itself
            self.call.plan.fail(self.call, closed)
        else:
            self.entered.clear()
        self.call.left_with = self.call.outcome
        self.call.stage = LEFT

    def leave_to_parent(self) -> None:
        """In a forked child: its end is told to nobody, and its scopes are left by nobody; both are the parent's to do."""
        self.abandoned = True
        self.call.stage = LEFT
        self.entered.clear()


def _nothing() -> None:
    return None
