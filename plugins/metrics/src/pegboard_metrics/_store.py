"""Everything that is measured for one registry."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING, Any
from weakref import ref

import attrs

from pegboard.parts import new_rlock
from pegboard.texts import encodable
from pegboard_metrics import names
from pegboard_metrics._counter import Counter
from pegboard_metrics._durations import Durations
from pegboard_metrics._family import LABEL_SETS_MOST, Family
from pegboard_metrics._hook_errors import HookErrors
from pegboard_metrics._instruments import MeasuredGauge
from pegboard_metrics._ledger import Ledger
from pegboard_metrics._level import Level
from pegboard_metrics._series import ERROR_TYPES_MOST, TaskSeries

if TYPE_CHECKING:
    from pegboard import Session
    from pegboard_metrics.names import Instrument

_log = logging.getLogger("pegboard.metrics")


@attrs.frozen
class Histogram:
    """A duration metric: one set of bounds, and the durations of each label set."""

    instrument: Instrument
    bounds: tuple[float, ...]
    family: Family[Durations]


@attrs.frozen
class Counters:
    """A metric that only goes up, and the counter of each label set."""

    instrument: Instrument
    family: Family[Counter]


@attrs.define(eq=False)
class Gauges:
    """A metric that is set or asked for, and the level of each label set.

    Attributes:
        warned: Whether it was said that a function failed.
    """

    instrument: Instrument
    family: Family[Level]
    warned: bool = False
    _views: list[ref[MeasuredGauge]] = attrs.Factory(list)
    _guard: threading.RLock = attrs.Factory(new_rlock)  # type: ignore[valid-type,unused-ignore]

    def views(self) -> list[MeasuredGauge]:
        """List what sessions have of it, in the order in which they asked first."""
        with self._guard:
            found = [view for each in self._views if (view := each()) is not None]
            self._views = [ref(view) for view in found]
            return found

    def of(self, session: Session) -> MeasuredGauge:
        """Return it as a session has it, which is the same one while anybody keeps that."""
        with self._guard:
            for view in self.views():
                if view.session() is session:
                    return view
            made = MeasuredGauge(self, session)
            self._views.append(ref(made))
            return made


Metric = Histogram | Counters | Gauges


class Store:
    """Everything that is measured for one registry, by all sessions that use it.

    Attributes:
        duration: The metric that every task feeds.
        measured: The metrics that plugins and `Metered(name=...)` asked for, by the name of the family; a few of them are
            in the table of names, and always there.
        tasks: What is kept of each task.
        waits: The metric of the time that calls were held back.
        lateness: The metric of how late scheduled runs begin.
        retries, lookups, missed: Counters by label set.
        breakers: The state of each circuit breaker.
        lost: What exporters could not deliver, by signal and reason.
        hook_errors: The errors of observers.
        durations, bounds: The family of `duration`, and its buckets.
    """

    def __init__(self) -> None:
        self._guard = new_rlock()
        self._warned: set[str] = set()
        self._ledgers: list[Ledger] = []
        self.duration = self._histogram(names.DURATION, names.BUCKETS)
        self.durations, self.bounds = self.duration.family, names.BUCKETS
        self.waits = self._histogram(names.WAIT, names.BUCKETS)
        self.lateness = self._histogram(names.LATENESS, names.BUCKETS)
        self.tasks: Family[TaskSeries] = Family((names.TASK,), self._series, self._over_label_sets)
        self.retries = self._counters(names.RETRIES)
        self.lookups = self._counters(names.CACHE_LOOKUPS)
        self.missed = Counters(names.MISSED, self._counters(names.MISSED))
        self.breakers = self._gauges(names.BREAKER_STATE)
        self.hook_error_counts = self._counters(names.HOOK_ERRORS)
        self.lost = Counters(names.DROPPED, self._counters(names.DROPPED))
        known = (Counters(names.CACHE_LOOKUPS, self.lookups), self.missed, self.lost)
        self.measured: dict[str, Metric] = {
            metric.instrument.family: metric for metric in (self.lateness, self.breakers, *known)
        }
        self.hook_errors = HookErrors(self.hook_error_counts)

    def ledger(self, above: Ledger | None, session: Session) -> Ledger:
        """Open the ledger of a session, below that of the session around it."""
        made = Ledger(self if above is None else above, session)
        with self._guard:
            self.settle()
            self._ledgers.append(made)
        return made

    def begin_anew(self) -> None:
        """Begin at 0 in a forked child: what the process did that it was forked from is told there."""
        with self._guard:
            self.hook_errors.begin_anew()
            self.tasks.begin_anew()
            for family in (self.waits.family, self.retries, self.hook_error_counts, self.durations):
                family.begin_anew()
            for metric in self.measured.values():
                metric.family.begin_anew()
            for ledger in self._ledgers:
                ledger.begin_anew()

    def settle(self) -> None:
        """Add up what the sessions have measured, and let go of those that have ended: the inner ones first."""
        with self._guard:
            for ledger in reversed(self._ledgers):
                ledger.hand_on()
            over = [ledger for ledger in reversed(self._ledgers) if ledger.is_over()]
            self._ledgers = [ledger for ledger in self._ledgers if ledger not in over]
        for ledger in over:
            ledger.leave()

    def series(self, task_name: str) -> TaskSeries:
        """Return what is kept of the tasks of this name."""
        return self.tasks.child(encodable(task_name))

    def find_series(self, task_name: str) -> TaskSeries | None:
        """Return what is kept of the tasks of this name, or None."""
        return self.tasks.find(encodable(task_name))

    def active_longer_than(self, seconds: float) -> int:
        """Count the calls that began longer ago and are not over."""
        latest = perf_counter() - seconds
        return sum(call.started < latest for _, series in self.tasks.items() for call in series.running())

    def metric(
        self, instrument: Instrument, bounds: tuple[float, ...] | None, publish: Callable[[Metric], None]
    ) -> Metric:
        """Return the metric of an instrument; `publish` is called with a new one, and what it raises undoes it.

        Args:
            instrument: Its name, kind and labels; help text and names are those of the first who asked, or of the table.
            bounds: Those of a histogram; None takes what is there, or what fits the unit.
            publish: Shows it in the registry.

        Raises:
            ValueError: One of that name exists, and is of another kind, or has other labels or bounds.
        """
        with self._guard:
            found = self.measured.get(instrument.family)
            if found is None:
                found = self._made(instrument, bounds)
                publish(found)
                self.measured[instrument.family] = found
            _refuse_unlike(found, instrument, bounds)
            return found

    def let_go(self, session: Session) -> None:
        """Drop the functions that a session's gauges ask."""
        with self._guard:
            gauges = [metric for metric in self.measured.values() if isinstance(metric, Gauges)]
        for view in [view for each in gauges for view in each.views() if view.session() is session]:
            view.functions.clear()

    def dropped(self) -> dict[str, float]:
        """Count the measurements over each cap."""
        with self._guard:
            measured = list(self.measured.values())
        counted: list[Family[Any]] = [
            self.duration.family,
            self.waits.family,
            self.retries,
            self.hook_error_counts,
            *(metric.family for metric in measured),
        ]
        return {
            "label_sets": sum(child.count for family in counted for child in family.overflow()),
            "error_types": sum(_other_errors(family) for family in counted),
        }

    def _made(self, instrument: Instrument, bounds: tuple[float, ...] | None) -> Metric:
        if instrument.kind == "histogram":
            return self._histogram(instrument, instrument.buckets if bounds is None else bounds)
        if instrument.kind == "counter":
            return Counters(instrument, self._counters(instrument))
        return self._gauges(instrument)

    def _gauges(self, instrument: Instrument) -> Gauges:
        return Gauges(instrument, Family(instrument.labels, lambda _: Level(), self._over_label_sets))

    def _histogram(self, instrument: Instrument, bounds: tuple[float, ...]) -> Histogram:
        family = Family(instrument.labels, lambda _: Durations(bounds), self._over_label_sets)
        return Histogram(instrument, bounds, family)

    def _counters(self, instrument: Instrument) -> Family[Counter]:
        return Family(instrument.labels, lambda _: Counter(), self._over_label_sets)

    def _series(self, values: tuple[str, ...]) -> TaskSeries:
        return TaskSeries(values[0], self._over_error_types)

    def _over_label_sets(self) -> None:
        self._warn_once(
            f"a metric has {LABEL_SETS_MOST} label sets; tasks beyond are counted as {names.OTHER}"
        )

    def _over_error_types(self) -> None:
        self._warn_once(
            f"a task has raised {ERROR_TYPES_MOST} types of error; further ones are counted as {names.OTHER}"
        )

    def _warn_once(self, message: str) -> None:
        if message not in self._warned:
            self._warned.add(message)
            _log.warning("%s, and %s counts them", message, names.DROPPED.name)


def _other_errors(family: Family[Any]) -> float:
    if names.ERROR_TYPE not in family.labels:
        return 0
    index = family.labels.index(names.ERROR_TYPE)
    return sum((child.count for values, child in family.own() if values[index] == names.OTHER), 0.0)


def _refuse_unlike(found: Metric, asked: Instrument, bounds: tuple[float, ...] | None) -> None:
    """Refuse to take one metric for another of the same name."""
    name, there = asked.name, found.instrument
    if there.kind != asked.kind:
        raise ValueError(f"{name!r} is a {there.kind}, and a {asked.kind} is asked for: use another name.")
    if set(there.labels) != set(asked.labels):
        raise ValueError(
            f"the metric {name!r} has the labels {there.labels}, and {asked.labels} are asked for.\n"
            f"One metric has one set of labels: use the same ones, or another name."
        )
    if bounds is not None and isinstance(found, Histogram) and found.bounds != bounds:
        raise ValueError(
            f"the metric {name!r} has the buckets {found.bounds}, and {bounds} are asked for.\n"
            f"One metric has one set of buckets: use the same ones, or another name."
        )


def named_instrument(name: str) -> Instrument:
    """Describe the metric that `Metered(name=...)` asks for."""
    return attrs.evolve(
        names.DURATION,
        otel_name=name,
        name=name,
        help="Time from the start of a call to its end, for the tasks that asked for buckets of their own.",
    )
