"""Durations of any number of calls in a bounded space."""

from __future__ import annotations

import math

GROWTH = 1.08
"""Each bucket ends this much further than it begins."""

_SCALE = 1 / math.log(GROWTH)
_SHORTEST, _LONGEST = 1e-9, 1e9  # seconds; between them lie 539 buckets


class Durations:
    """A histogram with logarithmic buckets.

    A quantile is told from the middle of its bucket, so it is off by at most 4 %, and never outside of what was seen.

    Attributes:
        total: Sum of all, in seconds.
    """

    __slots__ = ("_buckets", "_count", "_longest", "_shortest", "total")

    def __init__(self) -> None:
        self._buckets: dict[int, int] = {}
        self._count = 0
        self._shortest = math.inf
        self._longest = 0.0
        self.total = 0.0

    def add(self, seconds: float) -> None:
        """Count one duration. Not safe for threads: the caller holds a lock."""
        bucket = math.floor(math.log(min(max(seconds, _SHORTEST), _LONGEST)) * _SCALE)
        self._buckets[bucket] = self._buckets.get(bucket, 0) + 1
        self._count += 1
        self.total += seconds
        self._shortest = min(self._shortest, seconds)
        self._longest = max(self._longest, seconds)

    def quantile(self, q: float) -> float | None:
        """Return the duration that a share `q` of all does not exceed; None when there is none."""
        if not self._count:
            return None
        rank = math.ceil(q * self._count)
        seen = 0
        middle = 0.0
        for bucket in sorted(self._buckets):
            seen += self._buckets[bucket]
            if seen >= rank:
                middle = math.exp((bucket + 0.5) / _SCALE)
                break
        return min(max(middle, self._shortest), self._longest)
