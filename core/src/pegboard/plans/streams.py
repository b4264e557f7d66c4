"""Streams: those that layers pass on, and those that a session has to end."""

from __future__ import annotations

import sys
import types
import weakref
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

from pegboard.errors import SessionError
from pegboard.plans.folding import fold

if TYPE_CHECKING:
    from pegboard.calls.call import Call
    from pegboard.layers import Scope
    from pegboard.plans.plan import Plan


class KeptStream:
    """An async generator whose first step is taken without the event loop's hooks.

    The loop would close it at its own shutdown, in a task and a context of its own, while the stream around it still
    counts on it. `Call.streams` keeps all of them instead, outermost first.
    """

    __slots__ = ("_first", "_stream")

    def __init__(self, stream: types.AsyncGeneratorType[Any, Any]) -> None:
        self._stream = stream
        self._first = True

    def __aiter__(self) -> KeptStream:
        return self

    def __anext__(self) -> Any:
        if self._first:
            return self.asend(None)
        return self._stream.__anext__()

    def asend(self, value: Any) -> Any:
        """Resume the stream with `value`."""
        if not self._first:
            return self._stream.asend(value)
        self._first = False
        hooks = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(None, None)
        try:
            return self._stream.asend(value)
        finally:
            sys.set_asyncgen_hooks(*hooks)

    def athrow(self, error: BaseException) -> Any:
        """Raise `error` where the stream waits."""
        return self._stream.athrow(error)

    def aclose(self) -> Any:
        """Close the stream; nothing happens when it has ended."""
        return self._stream.aclose()

    @property
    def ag_code(self) -> types.CodeType:
        """What names the layer in an error about awaiting."""
        return self._stream.ag_code

    @property
    def ag_await(self) -> Any:
        """What the stream is waiting for."""
        return self._stream.ag_await


class _Outermost(KeptStream):
    """The outermost layer's stream, whose consumer talks past the layers to the task's own generator.

    Layers are written with `async for`, which passes neither on: what is sent or thrown waits in the call until the generator,
    which waits for it below all of them, is resumed.
    """

    __slots__ = ("_call",)

    def __init__(self, stream: KeptStream, call: Call) -> None:
        super().__init__(stream)  # type: ignore[arg-type]
        self._first = False  # the kept stream sees to that
        self._call = call

    def asend(self, value: Any) -> Any:
        """Resume the layers; the generator gets `value`."""
        if value is not None and self._call.listens:
            self._call.directed = True
            self._call.handed = ("send", value)
        return self._stream.asend(None)

    def athrow(self, error: BaseException) -> Any:
        """Raise `error` in the generator; where none waits, as when a layer gives items of its own, in the outermost layer."""
        if not self._call.listens:
            return self._stream.athrow(error)
        self._call.directed = True
        self._call.handed = ("throw", error)
        return self._stream.asend(None)


def fold_streams(plan: Plan, bottom: Callable[[Call], Any]) -> Callable[[Call], KeptStream]:
    """Wrap the `stream` sides of the plan's layers around `bottom`, each kept by the call."""
    top = fold(plan, _kept(bottom), "stream", _kept)

    def open_top(call: Call) -> KeptStream:
        call.streams = []
        return _Outermost(top(call), call)

    return open_top


def take_handed(
    call: Call, way_to_send: Callable[[Any], Any], way_to_throw: Callable[[Any], Any]
) -> tuple[Callable[[Any], Any], Any]:
    """Return how a task's generator is to be resumed, and with what: as its consumer, beyond the layers, says."""
    handed, call.handed, call.listens = call.handed, None, False
    if handed is None:
        return way_to_send, None
    way, what = handed
    return (way_to_send if way == "send" else way_to_throw), what


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
        """Have the session know of it.

        Raises:
            SessionError: The session ended before the first step.
        """
        session = self.call.session
        if not session.is_open:
            raise SessionError(
                f"stream {self.call.task.name!r} was called in {session!r}, which ended before its first item was asked for.\n"
                f"Read it inside the session, or call it after."
            )
        if self.call.is_async:
            import asyncio

            self._loop = asyncio._get_running_loop()  # None where somebody steps it by hand
        session.streams.add(self)

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


def _nothing() -> None:
    return None


def _kept(make: Callable[[Call], Any]) -> Callable[[Call], KeptStream]:
    def open_one(call: Call) -> KeptStream:
        stream = KeptStream(make(call))
        call.streams.append(stream)
        return stream

    return open_one


@types.coroutine
def drive(within: Callable[..., Any], awaitable: Any, waiting: Any) -> Generator[Any, Any, Any]:
    """Await something that suspended in its first step, every step of it inside the context of `within`.

    Args:
        within: `Context.run` of that context.
        awaitable: Something with `send` and `throw`, as an async generator's steps are.
        waiting: What the first step is waiting for.
    """
    while True:
        try:
            argument = yield waiting
            advance = awaitable.send
        except BaseException as thrown:  # noqa: BLE001 - cancellation, on its way to where the body waits
            advance, argument = awaitable.throw, thrown
        try:
            waiting = within(advance, argument)
        except StopIteration as stop:
            return stop.value


async def finish_step(within: Callable[..., Any], step: Any) -> Any:
    """Take one step of an async generator inside the context of `within`."""
    try:
        waiting = within(step.send, None)
    except StopIteration as stop:
        return stop.value
    return await drive(within, step, waiting)
