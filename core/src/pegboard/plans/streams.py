"""Streams as layers pass them on."""

from __future__ import annotations

import sys
import types
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

from pegboard.plans.folding import fold

if TYPE_CHECKING:
    from pegboard.calls.call import Call
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
    def ag_running(self) -> bool:
        """Whether it is in a step, or suspended in one."""
        return self._stream.ag_running


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
