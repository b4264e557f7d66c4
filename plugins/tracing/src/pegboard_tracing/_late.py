"""Spans of items that are over: written down afterwards if they failed, or are among the slowest."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable

SLOWEST_MOST = 20


class Late:
    """The span of an item that is over, to be written down from what is known of it."""

    __slots__ = ("_ended", "_started", "_write", "duration")

    def __init__(self, started: int, write: Callable[[int, int], None]) -> None:
        self._started = started
        self._ended = time.time_ns()
        self._write = write
        self.duration = self._ended - started

    def __lt__(self, other: Late) -> bool:
        return self.duration < other.duration

    def write(self) -> None:
        """Start and end it, with its own times."""
        self._write(self._started, self._ended)


class Slowest:
    """The slowest of all that it is offered; not safe for threads."""

    def __init__(self) -> None:
        self._kept: list[Late] = []

    def offer(self, late: Late) -> None:
        """Keep it if it is slow enough."""
        if len(self._kept) < SLOWEST_MOST:
            heapq.heappush(self._kept, late)
        elif self._kept[0] < late:
            heapq.heapreplace(self._kept, late)

    def write(self) -> int:
        """Write all of them down, and return how many they were."""
        for late in self._kept:
            late.write()
        return len(self._kept)
