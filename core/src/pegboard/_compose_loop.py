"""An async generator read from sync code: its event loop runs in a thread, also between two items."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Coroutine, Generator
from contextvars import copy_context
from typing import Any, Self

from pegboard._compose_threads import loop_runs_here
from pegboard.errors import SessionError

_END = object()


def iterate_in_loop(stream: AsyncGenerator[Any, None], name: str) -> Generator[Any, None, None]:
    """Hand over what an async generator yields; left early, the loop closes it at its end.

    Raises:
        SessionError: At the first item: an event loop runs in this thread, and blocking it would stop everything in it.
    """
    if loop_runs_here():
        raise SessionError(
            f"the async task {name!r} cannot be waited for here: an event loop is running in this thread.\n"
            f"Use it in an async way: async for item in task.aimap(...)."
        )
    with _LoopThread() as loop:
        while (item := loop.run(_next_of(stream))) is not _END:
            yield item


async def _next_of(stream: AsyncGenerator[Any, None]) -> Any:
    return await anext(stream, _END)


class _LoopThread:
    """An event loop in a thread. Leaving it cancels and awaits what still runs there, and closes its generators."""

    def __enter__(self) -> Self:
        self._ready = threading.Event()
        context = copy_context()
        self._thread = threading.Thread(
            target=context.run, args=(asyncio.run, self._serve()), name="pegboard-loop"
        )
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine to its end in the loop, and return its value."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        self._ready.set()
        await self._over.wait()
