"""Whether this machine has more to do than it can: then an answer that is late says nothing about who gives it."""

from __future__ import annotations

import os
import time
from pathlib import Path

_FRESH_SECONDS = 0.05
_STAYS_SECONDS = 1.0  # as it is looked at now and then only


class Load:
    """Looks at the load of the machine, at most every 50 ms."""

    def __init__(self) -> None:
        self._looked = self._loaded_until = 0.0
        self._processors = os.cpu_count() or 1

    def is_high(self) -> bool:
        """Whether more threads want to run than there are processors, or did within the last second."""
        now = time.monotonic()
        if now - self._looked > _FRESH_SECONDS:
            self._looked = now
            if max(_runnable()) > self._processors:
                self._loaded_until = now + _STAYS_SECONDS
        return now < self._loaded_until


def _runnable() -> tuple[float, ...]:
    """How many threads want to run: on average in the last minute, and where the system tells, at this moment."""
    try:
        average, _, _, now, _ = Path("/proc/loadavg").read_text(encoding="ascii").split()
        return float(average), float(now.partition("/")[0])
    except (OSError, ValueError):
        return os.getloadavg()[:1] if hasattr(os, "getloadavg") else (0.0,)
