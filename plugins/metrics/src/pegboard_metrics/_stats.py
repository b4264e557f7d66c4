"""A summary of one task, for those who do not run Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from pegboard_metrics._quantiles import quantile

if TYPE_CHECKING:
    from pegboard_metrics._durations import Totals
    from pegboard_metrics._ledger import Above
    from pegboard_metrics._series import TaskSeries


@attrs.frozen
class TaskStats:
    """What has been measured of one task: by one session and those inside it that inherit, or by all that share a registry.

    A task that was never called has zeros. Calls that are still running count as `active` alone. What a served call took
    is not measured, so durations are those of the others, failed and cancelled ones included.

    Attributes:
        task: The task's static name; `_OTHER`, with the numbers of all such tasks, for one over the cap on names.
        calls: Calls that have ended, however they did.
        attempts: Runs of the function.
        failures: Calls that an Exception left; not those that were cancelled or closed.
        retries: How often a call was tried again; also where a layer failed, and the function did not run.
        cache_hits, cache_misses: Lookups of stored results.
        active: Calls that are running.
        total_duration, mean_duration, min_duration, max_duration: In seconds.
        p50_duration, p95_duration, p99_duration: Quantiles in seconds, estimated from the buckets of the histogram: off by
            the width of one bucket at most.
        last_run: Unix time at which a call last ended, or None.
        last_success: Unix time at which a call last ended ok, or None; a fallback's value is no success.
    """

    task: str
    calls: int = 0
    attempts: int = 0
    failures: int = 0
    retries: int = 0
    cache_hits: int = 0
    cache_misses: int = 0
    active: int = 0
    total_duration: float = 0.0
    mean_duration: float = 0.0
    min_duration: float = 0.0
    max_duration: float = 0.0
    p50_duration: float = 0.0
    p95_duration: float = 0.0
    p99_duration: float = 0.0
    last_run: float | None = None
    last_success: float | None = None

    @property
    def error_rate(self) -> float:
        """Failed calls over calls: 1.0 when all failed, 0.0 when there were none."""
        return self.failures / self.calls if self.calls else 0.0


def stats_of(ledger: Above, series: TaskSeries) -> TaskStats:
    """Read the summary of one task off what a session has of it."""
    name = series.name
    measured = [
        (values[1], durations.totals()) for values, durations in ledger.durations.items() if values[0] == name
    ]
    count = sum(totals.calls for _, totals in measured)
    total = sum(totals.sum for _, totals in measured)
    calls = count + int(series.served.value)
    retries = sum(int(counter.value) for values, counter in ledger.retries.items() if values[0] == name)
    lookups = {
        values[1]: int(counter.value) for values, counter in ledger.lookups.items() if values[0] == name
    }
    least = _least([totals for _, totals in measured])
    most = max((totals.most for _, totals in measured), default=0.0)
    counts = [sum(bucket) for bucket in zip(*(totals.counts for _, totals in measured), strict=True)]
    p50, p95, p99 = (quantile(q, ledger.bounds, counts, least, most) for q in (0.5, 0.95, 0.99))
    ended = series.times()
    failed = sum(totals.calls for status, totals in measured if status == "error")
    return TaskStats(
        task=name,
        calls=calls,
        attempts=calls - int(series.not_run.value) + int(series.again.value),
        failures=failed + int(series.served_failures.value),
        retries=retries,
        cache_hits=lookups.get("hit", 0),
        cache_misses=lookups.get("miss", 0),
        active=len(series.running()),
        total_duration=total,
        mean_duration=total / count if count else 0.0,
        min_duration=least,
        max_duration=most,
        p50_duration=p50,
        p95_duration=p95,
        p99_duration=p99,
        last_run=max((at for at in ended if at is not None), default=None),
        last_success=ended.success,
    )


def _least(measured: list[Totals]) -> float:
    return min((totals.least for totals in measured if totals.calls), default=0.0)
