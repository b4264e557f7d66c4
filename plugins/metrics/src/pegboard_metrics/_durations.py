"""The durations of one label set, sorted into buckets."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from pegboard.parts import new_rlock
from pegboard_metrics._family import Bound

PENDING_MOST = 255


class TraceExemplar(NamedTuple):
    """One measured call of a bucket, and the span that tells more about it.

    Attributes:
        trace_id, span_id: Lower-case hex.
        seconds: The call's duration.
        at: Unix time of its end.
    """

    trace_id: str
    span_id: str
    seconds: float
    at: float


class Totals(NamedTuple):
    """What a label set's durations come to at one moment.

    Attributes:
        counts: Durations per bucket, not added up; the last bucket has no bound.
        exemplars: The last sampled call of each bucket, or None.
        sum, least, most: In seconds; `least` is infinite while there is none.
    """

    counts: tuple[int, ...]
    exemplars: tuple[TraceExemplar | None, ...]
    sum: float
    least: float
    most: float

    @property
    def calls(self) -> int:
        """How many durations there are."""
        return sum(self.counts)


class Durations(Bound):
    """The durations of one label set.

    A call only appends its duration, which is atomic in CPython, with and without the GIL: no call waits for a lock, nor can a finalizer
    or signal handler that ends a call in the middle of another one's bookkeeping deadlock or lose a count. Every 256
    calls, and before each scrape, what is pending is sorted into the buckets. prometheus-client's own histogram takes a
    lock and walks the bounds in every call, at five times the price.

    Args:
        bounds: Of the buckets.
        above: What holds the same durations of more sessions, with the same bounds; or None. It gets them when they are sorted.

    Attributes:
        pending: Durations that are in no bucket yet, in seconds.
        created: Unix time of the first call.
    """

    __slots__ = (
        "_above",
        "_counts",
        "_exemplars",
        "_guard",
        "_least",
        "_most",
        "_sum",
        "bounds",
        "created",
        "pending",
    )

    def __init__(self, bounds: Sequence[float], above: Durations | None = None) -> None:
        self.bounds = bounds
        self._above = above
        self.pending: deque[float] = deque()
        self._guard = new_rlock()
        self.begin_anew()

    def begin_anew(self) -> None:
        """Begin at 0, also in a forked child; observers keep `pending`."""
        self.created = time.time()
        self.pending.clear()
        self._counts = [0] * (len(self.bounds) + 1)
        self._exemplars: list[TraceExemplar | None] = [None] * (len(self.bounds) + 1)
        self._sum = 0.0
        self._least = float("inf")
        self._most = 0.0

    def observe(self, seconds: float) -> None:
        """Count one duration."""
        self.pending.append(seconds)
        if len(self.pending) > PENDING_MOST:
            self.fold(wait=False)

    def exemplify(self, exemplar: TraceExemplar) -> None:
        """Keep an exemplar as the last one of its bucket."""
        self._exemplars[bisect_left(self.bounds, exemplar.seconds)] = exemplar

    def fold(self, *, wait: bool = True) -> None:
        """Sort what is pending into the buckets; without `wait`, leave it to whoever is at it."""
        if not self._guard.acquire(blocking=wait):
            return
        try:
            self._sort(self._taken())
            self._hand_up_exemplars()
        finally:
            self._guard.release()

    def totals(self) -> Totals:
        """Return what the durations come to, those of calls that ended before included."""
        with self._guard:
            self.fold()
            return Totals(tuple(self._counts), tuple(self._exemplars), self._sum, self._least, self._most)

    @property
    def count(self) -> int:
        """How many durations there are."""
        return self.totals().calls

    def _taken(self) -> list[float]:
        """Take each pending duration exactly once, also where a finalizer folds in between."""
        taken: list[float] = []
        try:
            for _ in range(len(self.pending)):
                taken.append(self.pending.popleft())  # noqa: PERF401 - a comprehension would lose what was taken
        except IndexError:
            pass
        return taken

    def _sort(self, taken: list[float]) -> None:
        if not taken:
            return
        bounds, counts = self.bounds, [0] * len(self._counts)
        for seconds in taken:
            bucket = bisect_left(bounds, seconds)
            counts[bucket] += 1
        total, least, most = sum(taken), min(taken), max(taken)
        self.add_sorted(counts, total, least, most)

    def add_sorted(self, counts: Sequence[int], total: float, least: float, most: float) -> None:
        """Add durations that are sorted into buckets, here and above."""
        with self._guard:
            self._add(counts, total, least, most)
        if self._above is not None:
            self._above.add_sorted(counts, total, least, most)

    def _add(self, counts: Sequence[int], total: float, least: float, most: float) -> None:
        own = self._counts
        for bucket, count in enumerate(counts):
            own[bucket] += count
        self._sum += total
        if least < self._least:  # noqa: PLR1730 - min() is a call, and so a moment for a finalizer to fold in
            self._least = least
        if most > self._most:  # noqa: PLR1730 - as above
            self._most = most

    def _hand_up_exemplars(self) -> None:
        if self._above is None:
            return
        for bucket, exemplar in enumerate(self._exemplars):
            if exemplar is not None:
                self._above.take_exemplar(bucket, exemplar)

    def take_exemplar(self, bucket: int, exemplar: TraceExemplar) -> None:
        """Keep an exemplar from below, unless the one that is there is later."""
        last = self._exemplars[bucket]
        if last is None or last.at < exemplar.at:
            self._exemplars[bucket] = exemplar
        if self._above is not None:
            self._above.take_exemplar(bucket, exemplar)
