"""Notices when the clock is set."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pegboard.clock import Clock

_NOTICED = 1.0


class ClockWatch:
    """Compares the clock on the wall with the monotonic one, each time it is asked."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._time = clock.time()
        self._monotonic = clock.monotonic()

    def look(self) -> tuple[float, float]:
        """Return the time, and by how many seconds the clock was set since the last look; 0 for less than a second.

        A time that stood still in between (the process or machine was stopped) may look like a clock put forward.
        """
        time, monotonic = self.clock.time(), self.clock.monotonic()
        jump = (time - self._time) - max(monotonic - self._monotonic, 0.0)
        self._time, self._monotonic = time, monotonic
        return time, jump if abs(jump) > _NOTICED else 0.0
