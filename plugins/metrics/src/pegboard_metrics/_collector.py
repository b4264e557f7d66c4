"""What prometheus-client reads when a registry is collected."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from prometheus_client.core import Metric
from prometheus_client.samples import Exemplar, Sample
from prometheus_client.utils import floatToGoString

from pegboard.sessions.session import abandoned_threads
from pegboard_metrics import names
from pegboard_metrics._instruments import read_levels
from pegboard_metrics._store import Counters, Histogram
from pegboard_metrics.names import INSTRUMENTS, Instrument

if TYPE_CHECKING:
    from pegboard_metrics._counter import Counter
    from pegboard_metrics._durations import Durations, TraceExemplar
    from pegboard_metrics._family import Family
    from pegboard_metrics._series import TaskSeries
    from pegboard_metrics._store import Gauges, Store
    from pegboard_metrics._store import Metric as Measured


class InstrumentFamily(Metric):
    """A family of samples that says which instrument it shows: OTLP has other names for it.

    Attributes:
        instrument: The instrument.
    """

    def __init__(self, instrument: Instrument) -> None:
        super().__init__(instrument.family, instrument.help, instrument.kind, instrument.unit_in_name)
        self.instrument = instrument


class StoreCollector:
    """Turns a store into metric families; all that can be read at a scrape is only read there."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def describe(self) -> Iterable[Metric]:
        """List the families without samples, so that the registry can refuse a clash of names."""
        return [InstrumentFamily(instrument) for instrument in INSTRUMENTS]

    def collect(self) -> Iterator[Metric]:
        """Yield every family with its samples."""
        store = self._store
        store.settle()
        store.hook_errors.refresh()
        tasks = [series for _, series in store.tasks.items()]
        yield _histogram(store.duration)
        yield _gauge(names.ACTIVE, ((series.name, len(series.running())) for series in tasks))
        yield _gauge(names.OLDEST_AGE, ((series.name, _oldest_age(series)) for series in tasks))
        yield _gauge(names.LAST_SUCCESS, ((series.name, series.times().success) for series in tasks))
        yield _gauge(names.LAST_FAILURE, ((series.name, series.times().failure) for series in tasks))
        yield _counters(names.RETRIES, store.retries)
        yield _histogram(store.waits)
        yield _counters(names.CACHE_LOOKUPS, store.lookups)
        yield _histogram(store.lateness)
        yield _counters(names.MISSED, store.missed.family)
        yield from _executors(store)
        yield _abandoned()
        yield _levels(store.breakers)
        yield _counters(names.HOOK_ERRORS, store.hook_error_counts)
        yield _dropped(store)


class MeasuredCollector:
    """Turns one metric that a plugin, or a user by `Metered`, asked for into its family."""

    def __init__(self, metric: Measured) -> None:
        self._metric = metric

    def describe(self) -> Iterable[Metric]:
        """List the family without samples."""
        return [InstrumentFamily(self._metric.instrument)]

    def collect(self) -> Iterator[Metric]:
        """Yield the family with its samples; a gauge that nobody sets or answers for is not there."""
        metric = self._metric
        if isinstance(metric, Histogram):
            yield _histogram(metric)
        elif isinstance(metric, Counters):
            yield _counters(metric.instrument, metric.family)
        else:
            levels = _levels(metric)
            if levels.samples:
                yield levels


def _oldest_age(series: TaskSeries) -> float:
    now = time.time()
    begun = [call.started_at for call in series.running()]
    return max(now - min(begun), 0.0) if begun else 0.0


def _gauge(instrument: Instrument, values: Iterable[tuple[str, float | None]]) -> Metric:
    family = InstrumentFamily(instrument)
    for task, value in values:
        if value is not None:
            family.add_sample(instrument.name, {names.TASK: task}, value)
    return family


def _counters(instrument: Instrument, children: Family[Counter]) -> Metric:
    family = InstrumentFamily(instrument)
    for values, counter in children.shown():
        labels = dict(zip(instrument.labels, values, strict=True))
        family.add_sample(instrument.name, labels, counter.value)
        family.add_sample(f"{instrument.family}_created", labels, counter.created)
    return family


def _executors(store: Store) -> Iterator[Metric]:
    """How busy the executors of the open sessions are, those of one name together."""
    depths, workers = InstrumentFamily(names.QUEUE_DEPTH), InstrumentFamily(names.WORKER_COUNT)
    totals: dict[str, tuple[int, int]] = {}
    for session in store.hook_errors.open_sessions:
        for name, level in session.executor_levels().items():
            depth, count = totals.get(name, (0, 0))
            totals[name] = depth + level.queue_depth, count + level.workers
    for name, (depth, count) in sorted(totals.items()):
        depths.add_sample(names.QUEUE_DEPTH.name, {names.EXECUTOR: name}, depth)
        workers.add_sample(names.WORKER_COUNT.name, {names.EXECUTOR: name}, count)
    yield depths
    yield workers


def _abandoned() -> Metric:
    family = InstrumentFamily(names.ABANDONED)
    family.add_sample(names.ABANDONED.name, {}, abandoned_threads())
    return family


def _levels(gauges: Gauges) -> Metric:
    instrument = gauges.instrument
    family = InstrumentFamily(instrument)
    for values, value in read_levels(gauges):
        family.add_sample(instrument.name, dict(zip(instrument.labels, values, strict=True)), value)
    return family


def _dropped(store: Store) -> Metric:
    family = InstrumentFamily(names.DROPPED)
    for reason, number in store.dropped().items():
        family.add_sample(names.DROPPED.name, {names.SIGNAL: "metrics", names.REASON: reason}, number)
    for (signal, reason), counter in store.lost.family.items():
        family.add_sample(names.DROPPED.name, {names.SIGNAL: signal, names.REASON: reason}, counter.value)
    return family


def _histogram(histogram: Histogram) -> Metric:
    instrument = histogram.instrument
    family = InstrumentFamily(instrument)
    for values, durations in histogram.family.shown():
        labels = dict(zip(instrument.labels, values, strict=True))
        family.samples += _duration_samples(instrument.name, labels, durations)
    return family


def _duration_samples(name: str, labels: dict[str, str], durations: Durations) -> Iterator[Sample]:
    totals = durations.totals()
    below = 0
    for bound, count, exemplar in zip(
        (*durations.bounds, float("inf")), totals.counts, totals.exemplars, strict=True
    ):
        below += count
        with_bound = {**labels, "le": _bound_text(bound)}
        yield Sample(f"{name}_bucket", with_bound, below, None, _exemplar(exemplar))
    yield Sample(f"{name}_count", labels, below)
    yield Sample(f"{name}_sum", labels, totals.sum)
    yield Sample(f"{name}_created", labels, durations.created)


def _bound_text(bound: float) -> str:
    text: str = floatToGoString(bound)  # type: ignore[no-untyped-call]
    return text


def _exemplar(found: TraceExemplar | None) -> Exemplar | None:
    if found is None:
        return None
    return Exemplar({"trace_id": found.trace_id, "span_id": found.span_id}, found.seconds, found.at)
