"""Whether an event loop turns, or something blocks it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

_EVERY = 0.5  # seconds


class LoopWatch:
    """Has an event loop note the time, again and again, so that another thread sees when it does not.

    Args:
        loop: The loop; it may run in another thread.
        now: Tells the time, in seconds that never go back.

    Attributes:
        loop: The loop.
    """

    def __init__(self, loop: AbstractEventLoop, now: Callable[[], float]) -> None:
        self.loop = loop
        self._now = now
        self._turned = now()
        self._is_over = False
        with contextlib.suppress(RuntimeError):  # it has been closed
            loop.call_soon_threadsafe(self._turn)

    def stands_still(self, seconds: float) -> bool:
        """Whether it has not turned for so long; one that is over, or stopped for now, does not stand still."""
        return self.loop.is_running() and self._now() - self._turned >= seconds

    def end(self) -> None:
        """Leave the loop alone; from any thread."""
        self._is_over = True

    def _turn(self) -> None:
        self._turned = self._now()
        if not self._is_over:
            self.loop.call_later(_EVERY, self._turn)
