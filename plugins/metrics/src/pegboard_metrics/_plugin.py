"""The plugin that measures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from pegboard import hookimpl
from pegboard.texts import encodable
from pegboard_metrics._elsewhere import count_elsewhere
from pegboard_metrics._observers import bind_observers
from pegboard_metrics._option import Metered
from pegboard_metrics._registry import default_registry, store_of
from pegboard_metrics._stats import TaskStats, stats_of
from pegboard_metrics.names import BREAKER_STATES

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from pegboard import Call, Session, Task
    from pegboard.records import Measurements
    from pegboard_metrics._store import Histogram, Store


class _Fire(Protocol):
    """What is told of a scheduled run."""

    @property
    def lateness(self) -> float: ...
    @property
    def missed(self) -> int: ...


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
                f"Metrics(registry=...) takes a prometheus_client.CollectorRegistry, not {registry!r}."
            )
        self._registry = registry

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

    @hookimpl
    def bind(self, session: Session, task: Task[..., Any]) -> object:
        """Observe every task, with its labels resolved."""
        store = self._store()
        store.hook_errors.watch(session)
        metered = task.option(Metered)
        named = None if metered is None or metered.name is None else self._named(metered.name, metered.bounds)
        traced = _may_be_traced(session, self)
        return bind_observers(store, store.series(task.name), named, traced=traced)

    @hookimpl(optionalhook=True)
    def on_breaker_change(self, name: str, state: str) -> None:
        """Note the state of a circuit breaker; the plugin that has them brings this event."""
        self._store().breakers.child(encodable(name)).set(BREAKER_STATES.index(state))

    @hookimpl(optionalhook=True)
    def on_schedule_fire(self, call: Call, fire: _Fire) -> None:
        """Note how late a scheduled run begins; the plugin that schedules brings this event."""
        store, task = self._store(), encodable(call.task.name)
        store.lateness.family.child(task).observe(fire.lateness)
        store.missed.child(task).add(fire.missed)

    @hookimpl(optionalhook=True)
    def on_measurements(self, measurements: Measurements) -> None:
        """Count the calls that a function made in another process."""
        count_elsewhere(self._store(), measurements)

    @hookimpl
    def session_end(self) -> None:
        """Take over the session's count of observer errors, and let go of it."""
        self._store().hook_errors.refresh()

    def stats(self, task: Task[..., Any]) -> TaskStats:
        """Summarise one task: calls, failures, retries, durations; zeros if it was never called.

        Tasks of the same name are one task here, as they are in the metrics.
        """
        store = self._store()
        series = store.find_series(task.name)
        return TaskStats(task.name) if series is None else stats_of(store, series)

    def count_dropped(self, signal: str, reason: str, number: int) -> None:
        """Count what an exporter lost, for `pegboard_telemetry_dropped_total`.

        Args:
            signal: `traces`, `metrics` or `logs`.
            reason: Why, in one word of a few that do not depend on what was lost: `queue_full`, `export_failed`.
            number: How many items.
        """
        self._store().lost.child(encodable(signal), encodable(reason)).add(number)

    def _store(self) -> Store:
        return store_of(self.registry)

    def _named(self, name: str, bounds: tuple[float, ...]) -> Histogram:
        from pegboard_metrics._collector import NamedCollector

        registry = self.registry
        return self._store().named_histogram(
            name, bounds, lambda histogram: registry.register(NamedCollector(histogram))
        )


def _may_be_traced(session: Session, metrics: Metrics) -> bool:
    """Whether a plugin of the session takes part in calls, and so may set `call.sampled`."""
    moments = ("bind", *session.events)
    return any(
        hasattr(plugin, moment)
        for plugin in session.plugins.values()
        if plugin is not metrics
        for moment in moments
    )
