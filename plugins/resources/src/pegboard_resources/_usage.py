"""What the calls of a task took together."""

from __future__ import annotations

from collections import deque
from math import isnan
from typing import TYPE_CHECKING, TypeVar

import attrs

from pegboard.parts import after_fork, new_rlock

if TYPE_CHECKING:
    from pegboard_resources._tracker import Memory

N = TypeVar("N", int, float)

PENDING_MOST = 1_000  # measurements kept before they are added up


# Of one call: whether it failed, wall seconds, CPU seconds (NaN: not known), what it did to memory (None: not known).
Measurement = tuple[bool, float, float, "Memory | None"]


@attrs.frozen
class Usage:
    """What the calls of one task took, failed ones included; calls that it made count too.

    Attributes:
        task: Static name of the task.
        calls: How many calls ended.
        failures: How many of them ended with an error.
        wall_seconds, wall_max: Elapsed seconds, of all and of the longest.
        cpu_calls: Of how many calls the CPU time is known.
        cpu_seconds, cpu_max: CPU seconds of their threads, of all and of the most expensive; None when known of none.
        memory_calls: Of how many calls the growth is known, as nothing else ran beside them.
        rss_growth, rss_growth_max: Bytes by which resident memory grew, of all together (what shrank is taken off)
            and of the one that grew most; None when known of none.
        peak_max: Most bytes that Python objects took during one call, above what they took before; None unless
            `Resources(allocations=True)`.
    """

    task: str
    calls: int = 0
    failures: int = 0
    wall_seconds: float = 0.0
    wall_max: float = 0.0
    cpu_calls: int = 0
    cpu_seconds: float | None = None
    cpu_max: float | None = None
    memory_calls: int = 0
    rss_growth: int | None = None
    rss_growth_max: int | None = None
    peak_max: int | None = None


class Tally:
    """Adds measurements up, late: a call only appends to a queue, and threads do not wait for each other.

    Attributes:
        pending: What was not added up yet.
    """

    def __init__(self, task: str) -> None:
        self.pending: deque[Measurement] = deque()
        self._usage = Usage(task)
        self._renew_guard()
        after_fork(self._renew_guard)

    def _renew_guard(self) -> None:
        """Begin with a lock that nobody holds, also in a forked child."""
        self._guard = new_rlock()

    def begin_anew(self) -> None:
        """Begin at 0; observers keep `pending`."""
        self.pending.clear()
        self._usage = Usage(self._usage.task)

    def fold(self, *, wait: bool = True) -> None:
        """Add up what is pending; without waiting, only if nobody else is at it."""
        if not self._guard.acquire(blocking=wait):
            return
        try:
            take = self.pending.popleft
            batch = [take() for _ in range(len(self.pending))]
            if batch:
                self._usage = _added(self._usage, batch)
        finally:
            self._guard.release()

    def usage(self) -> Usage:
        """Return what was measured up to now."""
        self.fold()
        return self._usage


def _added(usage: Usage, batch: list[Measurement]) -> Usage:
    walls = [wall for _, wall, _, _ in batch]
    cpus = [cpu for _, _, cpu, _ in batch if not isnan(cpu)]
    memories = [memory for _, _, _, memory in batch if memory is not None]
    growths = [memory.growth for memory in memories]
    peaks = [memory.peak for memory in memories if memory.peak is not None]
    return Usage(
        task=usage.task,
        calls=usage.calls + len(batch),
        failures=usage.failures + sum(failed for failed, _, _, _ in batch),
        wall_seconds=usage.wall_seconds + sum(walls),
        wall_max=max(usage.wall_max, *walls),
        cpu_calls=usage.cpu_calls + len(cpus),
        cpu_seconds=_total(usage.cpu_seconds, cpus),
        cpu_max=_largest(usage.cpu_max, cpus),
        memory_calls=usage.memory_calls + len(memories),
        rss_growth=_total(usage.rss_growth, growths),
        rss_growth_max=_largest(usage.rss_growth_max, growths),
        peak_max=_largest(usage.peak_max, peaks),
    )


def _total(before: N | None, more: list[N]) -> N | None:
    return sum(more, before or 0) if more else before


def _largest(before: N | None, more: list[N]) -> N | None:
    largest = max(more) if more else before
    return largest if before is None or largest is None or largest > before else before
