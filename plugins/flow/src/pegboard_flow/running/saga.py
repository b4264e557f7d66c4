"""Taking back what ended well in a graph or workflow that failed."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from pegboard.errors import is_parked
from pegboard.parts.awaiting import loop_runs_here
from pegboard.parts.notes import note_on
from pegboard.records import UNDO_IS_KEPT

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

    from pegboard import Call

    Answer = Future[Any] | asyncio.Task[Any]


class Saga:
    """The calls of one run, to be undone in the reverse of the order in which they ended.

    A call whose undo somebody else keeps, as a durable run does, is left to that.
    """

    def __init__(self) -> None:
        self._done: list[tuple[str, Call]] = []
        self._running: dict[Answer, tuple[str, Call]] = {}

    def begin(self, name: str, call: Call, answer: Answer) -> None:
        """Note a call that runs by itself."""
        self._running[answer] = (name, call)

    def end(self, name: str, call: Call, answer: Answer | None = None) -> None:
        """Note a call that ended well."""
        if answer is not None:
            self._running.pop(answer, None)
        self._done.append((name, call))

    def undo(self, error: BaseException) -> None:
        """Undo all, once nothing of the run goes on any more; what goes wrong is noted on the error."""
        for name, undo in self._undos(error):
            try:
                undone = undo()
                if inspect.isawaitable(undone):
                    _run(undone)
            except Exception as failure:  # noqa: BLE001 - the error that it is undone for leaves
                self._note(error, name, failure)
                return

    async def aundo(self, error: BaseException) -> None:
        """Do what `undo` does, to be awaited; functions that are no coroutines run in threads."""
        import asyncio

        for name, undo in self._undos(error):
            try:
                undone = undo() if undo.call.is_async else await asyncio.to_thread(undo)
                if inspect.isawaitable(undone):
                    await undone
            except Exception as failure:  # noqa: BLE001 - as above
                self._note(error, name, failure)
                return

    def _undos(self, error: BaseException) -> Iterator[tuple[str, _Undo]]:
        if is_parked(error) or isinstance(error, GeneratorExit):
            return
        self._done += [found for answer, found in self._running.items() if _ended_well(answer)]
        self._running.clear()
        while self._done:
            name, call = self._done[-1]
            function = next((layer.undo for layer in call.plan.layers if layer.undo is not None), None)
            if function is not None and UNDO_IS_KEPT not in call.state:
                yield name, _Undo(function, call, error)
            self._done.pop()

    def _note(self, error: BaseException, name: str, failure: Exception) -> None:
        left = ", ".join(repr(each) for each, _ in reversed(self._done))
        note_on(error, f"and the undo of {name!r} failed: {type(failure).__name__}; not undone are: {left}")


class _Undo:
    def __init__(
        self, function: Callable[[Call, BaseException], Any], call: Call, error: BaseException
    ) -> None:
        self._function = function
        self._error = error
        self.call = call

    def __call__(self) -> Any:
        return self._function(self.call, self._error)


def _ended_well(answer: Answer) -> bool:
    return answer.done() and not answer.cancelled() and answer.exception() is None


def _run(undone: Any) -> None:
    """Await the undo of a coroutine in sync code."""
    import asyncio

    async def main() -> None:
        await undone

    if not loop_runs_here():
        asyncio.run(main())
        return
    from concurrent.futures import ThreadPoolExecutor  # below async code, which this blocks anyway

    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, main()).result()
