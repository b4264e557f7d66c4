"""The event loop in which a manager runs async items, in a thread of its own."""

from __future__ import annotations

import asyncio
import threading


class LoopThread:
    """One loop for all items: a new one for each would cost several times what running an item does.

    Attributes:
        loop: The running loop.
    """

    loop: asyncio.AbstractEventLoop

    def __init__(self) -> None:
        started = threading.Event()
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(
            target=self._run, args=(started,), name="pegboard-queue-loop", daemon=True
        )
        self._thread.start()
        started.wait()

    def stop(self) -> None:
        """Cancel what is left in the loop, close it, and wait for its thread; stopping twice is fine."""
        if self._stop is not None and not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self._stop.set)
        if threading.current_thread() is not self._thread:  # the collector may run in it
            self._thread.join()

    def _run(self, started: threading.Event) -> None:
        async def main() -> None:
            self.loop = asyncio.get_running_loop()
            self._stop = asyncio.Event()
            started.set()
            await self._stop.wait()

        asyncio.run(main())
