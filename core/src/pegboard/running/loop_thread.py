"""An event loop in a thread of its own, for sync code that runs async tasks."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Self

from pegboard.parts.stopping import result_of

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Coroutine


class LoopThread:
    """A running event loop.

    Args:
        name: Of the thread.
        daemon: Whether the process may end without it.

    Attributes:
        loop: The loop.
    """

    loop: asyncio.AbstractEventLoop

    def __init__(self, name: str, *, daemon: bool = False) -> None:
        started = threading.Event()
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._run, args=(started,), name=name, daemon=daemon)
        self._thread.start()
        started.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine to its end in the loop, in a copy of this context, and return its value."""
        import asyncio

        return result_of(asyncio.run_coroutine_threadsafe(coroutine, self.loop))

    def stop(self) -> None:
        """Cancel and await what is left in the loop, close its generators and itself, and wait for its thread.

        Stopping twice is fine.
        """
        if self._stop is not None and not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self._stop.set)
        if threading.current_thread() is not self._thread:  # the collector may run in it
            self._thread.join()

    def _run(self, started: threading.Event) -> None:
        import asyncio

        async def main() -> None:
            self.loop = asyncio.get_running_loop()
            self._stop = asyncio.Event()
            started.set()
            await self._stop.wait()

        asyncio.run(main())
