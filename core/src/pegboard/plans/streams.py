"""Streams that layers pass on: kept by their call, so that they are closed in order and never by the collector."""

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
    def ag_await(self) -> Any:
        """What the stream is waiting for."""
        return self._stream.ag_await


def fold_streams(plan: Plan, bottom: Callable[[Call], Any]) -> Callable[[Call], KeptStream]:
    """Wrap the `stream` sides of the plan's layers around `bottom`, each kept by the call."""
    top = fold(plan, _kept(bottom), "stream", _kept)

    def open_top(call: Call) -> KeptStream:
        call.streams = []
        stream: KeptStream = top(call)
        return stream

    return open_top


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
