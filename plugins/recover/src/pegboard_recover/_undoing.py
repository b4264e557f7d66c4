"""Taking back what was done, when no value came out."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from pegboard.errors import is_parked
from pegboard.parts.event_loop import running_loop
from pegboard.parts.stopping import unstoppable
from pegboard_recover._noting import note

if TYPE_CHECKING:
    from pegboard import Call, Task
    from pegboard.layers import Proceed, ProceedStream
    from pegboard_recover._calling import Recover
    from pegboard_recover._option import Undo

_LAST_SECONDS = 1.0  # for the `finally` blocks of an undo that took too long


class Undoing:
    """The undo of one task."""

    def __init__(self, task: Task[..., Any], option: Undo, undo: Recover) -> None:
        self._undo = undo
        self._within = option.within
        self._is_async = task.kind in ("coroutine", "async_generator")

    def undo(self, call: Call, error: BaseException) -> Any:
        """Take back a call that ended well, as what came after it failed; for a coroutine it may return something to await."""
        with unstoppable():
            undone = self._undo(call, error)
        return self._shielded(undone, error) if self._is_async and inspect.isawaitable(undone) else undone

    async def run(self, call: Call, proceed: Proceed) -> Any:
        """Return the call's value; without one, undo."""
        try:
            return await proceed(call)
        except GeneratorExit:  # dropped: nothing can be awaited any more
            raise
        except BaseException as error:
            if not is_parked(error):  # else it goes on later
                await self._take_back(call, error)
            raise

    async def stream(self, call: Call, proceed: ProceedStream) -> AsyncIterator[Any]:
        """Pass the items on; undo if the stream fails or is cancelled, and not when its consumer closes it."""
        try:
            async for item in proceed(call):
                yield item
        except GeneratorExit:
            raise
        except BaseException as error:
            if not is_parked(error):
                await self._take_back(call, error)
            raise

    async def _take_back(self, call: Call, error: BaseException) -> None:
        try:
            with unstoppable():
                undone = self._undo(call, error)
            if self._is_async and inspect.isawaitable(undone):
                await self._shielded(undone, error)
        except Exception as failure:  # noqa: BLE001 - the error that it was about leaves, with this on it
            note(call, error, "undo", failure)

    async def _shielded(self, undone: Any, error: BaseException) -> None:
        """Await to the end, but not for ever, whatever is cancelled meanwhile."""
        import asyncio

        loop = running_loop()
        undoing = asyncio.ensure_future(undone)
        end = loop.time() + self._within
        cancelled: asyncio.CancelledError | None = None
        while not undoing.done() and (left := end - loop.time()) > 0:
            try:
                await asyncio.wait([undoing], timeout=left)
            except asyncio.CancelledError as again:
                cancelled = again
        if not undoing.done():
            undoing.cancel()
            await asyncio.wait([undoing], timeout=_LAST_SECONDS)
            raise TimeoutError(f"it took longer than {self._within:g} s")
        if cancelled is not None and isinstance(
            error, Exception
        ):  # of the two, the cancellation has to leave
            raise cancelled
        undoing.result()
