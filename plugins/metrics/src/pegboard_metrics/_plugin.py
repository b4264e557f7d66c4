"""The plugin that measures."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from pegboard import hookimpl
from pegboard.parts import checks, new_rlock
from pegboard_metrics import names
from pegboard_metrics._elsewhere import count_elsewhere
from pegboard_metrics._instruments import MeasuredCounter, MeasuredGauge, MeasuredHistogram
from pegboard_metrics._observers import bind_observers
from pegboard_metrics._option import Metered
from pegboard_metrics._registry import default_registry, store_of
from pegboard_metrics._stats import TaskStats, stats_of
from pegboard_metrics._store import Counters, Histogram, named_instrument

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from pegboard import Call, Session, Task
    from pegboard.parts.measuring import InstrumentKind
    from pegboard.records import Measurements
    from pegboard_metrics._ledger import Ledger
    from pegboard_metrics._store import Metric, Store
    from pegboard_metrics.names import Instrument


class Metrics:
    """Counts and times the calls of every task of its sessions.

    An exporter takes the measurements out: attach `Prometheus()` too, or collect `registry` yourself.

    Args:
        registry: Where the metrics are registered; by default a registry of Pegboard's own, one for the process, so that
            counters go on from session to session. Several instances may share a registry.

    Raises:
        TypeError: `registry` is no registry.
        ValueError: When a session starts: the registry holds other metrics of the same names.
    """

    name = "metrics"

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        if registry is not None and (isinstance(registry, type) or not hasattr(registry, "register")):
            raise TypeError(
                f"Metrics(registry=...) takes a prometheus_client.CollectorRegistry, not {checks.shown(registry)}."
            )
        self._registry = registry
        self._guard = new_rlock()
        self._ledgers: WeakKeyDictionary[Session, Ledger] = WeakKeyDictionary()
        self._of: Ledger | None = None  # of the session that this was asked of

    @property
    def registry(self) -> CollectorRegistry:
        """The registry that holds the metrics."""
        if self._registry is None:
            self._registry = default_registry()
        store_of(self._registry)
        return self._registry

    @hookimpl
    def session_start(self) -> None:
        """Register the metrics, so that a clash of names shows before any task runs."""
        self._store()

    @hookimpl(tryfirst=True)
    def session_forked(self) -> None:
        """Begin at 0, before exporters do."""
        self._store().begin_anew()

    @hookimpl
    def bind(self, session: Session, task: Task[..., Any]) -> object:
        """Observe every task, with its labels resolved."""
        store, ledger = self._store(), self._ledger(session)
        store.hook_errors.watch(session)
        metered = task.option(Metered)
        named = None if metered is None or metered.name is None else self._named(metered.name, metered.bounds)
        traced = _may_be_traced(session, self)
        return bind_observers(store, ledger, ledger.series(task.name), named, traced=traced)

    @hookimpl
    def make_instrument(
        self,
        session: Session,
        kind: InstrumentKind,
        name: str,
        help: str,  # noqa: A002 - the field's word
        labels: tuple[str, ...],
        buckets: tuple[float, ...] | None,
    ) -> MeasuredCounter | MeasuredGauge | MeasuredHistogram:
        """Make an instrument of the registry, or return the one that is there.

        Raises:
            ValueError: Its name is another metric's in this registry, or that one's kind, labels or buckets differ.
        """
        metric = self._metric(names.measured(kind, name, help, labels), buckets)
        if isinstance(metric, Histogram):
            return MeasuredHistogram(metric.instrument, metric.family)
        if isinstance(metric, Counters):
            return MeasuredCounter(metric.instrument, metric.family)
        return metric.of(session)

    @hookimpl(optionalhook=True)
    def on_measurements(self, call: Call, measurements: Measurements) -> None:
        """Count the calls that a function made in another process."""
        count_elsewhere(self._store(), self._ledger(call.session), measurements)

    @hookimpl
    def session_end(self, session: Session) -> None:
        """Take over the session's count of observer errors, and let go of it and of the functions of its gauges."""
        store = self._store()
        store.hook_errors.refresh()
        store.let_go(session)
        store.settle()

    def in_session(self, session: Session) -> Metrics:
        """Return what `session[Metrics]` is: this, telling what that session measured, and those inside it that inherit."""
        seen = copy(self)
        vars(seen)["_of"] = self._ledger(session)
        return seen

    def stats(self, task: Task[..., Any]) -> TaskStats:
        """Summarise one task: calls, failures, retries, durations; zeros if it was never called.

        Of `session[Metrics]`, it is what that session measured, and the sessions inside it that inherit; of an instance, all
        that the registry holds. Tasks of the same name are one task here, as they are in the metrics.
        """
        store = self._store()
        store.settle()
        series = store.find_series(task.name)
        if series is None:
            return TaskStats(task.name)
        if self._of is None:
            return stats_of(store, series)
        own = self._of.find_series(series.name)
        return TaskStats(series.name) if own is None else stats_of(self._of, own)

    def active_longer_than(self, seconds: float) -> int:
        """Count the calls that began longer ago and are not over, in all sessions that the registry has metrics of."""
        return self._store().active_longer_than(seconds)

    def _ledger(self, session: Session) -> Ledger:
        """Return the ledger of a session, below that of the session around it if that has this plugin too."""
        with self._guard:
            found = self._ledgers.get(session)
            if found is None:
                around = session.outer
                inherited = around is not None and any(each is self for each in around.plugins.values())
                above = self._ledger(around) if around is not None and inherited else None
                found = self._ledgers[session] = self._store().ledger(above, session)
            return found

    def _store(self) -> Store:
        return store_of(self.registry)

    def _named(self, name: str, bounds: tuple[float, ...]) -> Histogram:
        metric = self._metric(named_instrument(name), bounds)
        assert isinstance(metric, Histogram)  # noqa: S101 - for type checkers: another kind was refused
        return metric

    def _metric(self, instrument: Instrument, bounds: tuple[float, ...] | None) -> Metric:
        return self._store().metric(instrument, bounds, self._publish)

    def _publish(self, metric: Metric) -> None:
        from pegboard_metrics._collector import MeasuredCollector

        try:
            self.registry.register(MeasuredCollector(metric))
        except ValueError as error:
            raise ValueError(
                f"{metric.instrument.name!r} cannot be measured: the registry has a metric of that name. Use another one.\n{error}"
            ) from error


def _may_be_traced(session: Session, metrics: Metrics) -> bool:
    """Whether a plugin of the session takes part in calls, and so may set `call.sampled`."""
    moments = ("bind", *session.events)
    return any(
        hasattr(plugin, moment)
        for plugin in session.plugins.values()
        if plugin is not metrics
        for moment in moments
    )
