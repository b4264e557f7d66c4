"""Time, behind one small protocol, so that waits and schedules can be tested without waiting."""

from __future__ import annotations

import time
from typing import Protocol

from pegboard.parts.event_loop import running_loop


class Clock(Protocol):
    """Where a session takes its time from; all values are float seconds."""

    def time(self) -> float:
        """Return the wall-clock time, seconds since the Unix epoch, UTC."""

    def monotonic(self) -> float:
        """Return a time that never goes back; only differences mean anything."""

    def sleep(self, seconds: float) -> None:
        """Block this thread."""

    async def asleep(self, seconds: float) -> None:
        """Suspend this coroutine."""


class SystemClock:
    """The machine's own clock."""

    def time(self) -> float:
        """Return the wall-clock time, seconds since the Unix epoch, UTC."""
        return time.time()

    def monotonic(self) -> float:
        """Return a time that never goes back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Block this thread."""
        time.sleep(seconds)

    async def asleep(self, seconds: float) -> None:
        """Suspend this coroutine, on asyncio."""
        import asyncio

        running_loop()
        await asyncio.sleep(seconds)


SYSTEM_CLOCK: Clock = SystemClock()
