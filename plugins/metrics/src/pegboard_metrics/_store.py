"""Everything that is measured for one registry."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs

from pegboard.texts import encodable
from pegboard_metrics import names
from pegboard_metrics._counter import Counter
from pegboard_metrics._durations import Durations
from pegboard_metrics._family import LABEL_SETS_MOST, Family
from pegboard_metrics._hook_errors import HookErrors
from pegboard_metrics._level import Level
from pegboard_metrics._series import ERROR_TYPES_MOST, TaskSeries

if TYPE_CHECKING:
    from pegboard_metrics.names import Instrument

_log = logging.getLogger("pegboard.metrics")


@attrs.frozen
class Histogram:
    """A duration metric: one set of bounds, and the durations of each label set."""

    instrument: Instrument
    bounds: tuple[float, ...]
    family: Family[Durations]


class Store:
    """Everything that is measured for one registry, by all sessions that use it.

    Attributes:
        duration: The metric that every task feeds.
        named: The metrics that `Metered(name=...)` asked for, by name.
        tasks: What is kept of each task.
        waits: The metric of the time that calls were held back.
        lateness: The metric of how late scheduled runs begin.
        retries, lookups, missed: Counters by label set.
        breakers: The state of each circuit breaker.
        lost: What exporters could not deliver, by signal and reason.
        hook_errors: The errors of observers.
    """

    def __init__(self) -> None:
        self._guard = threading.RLock()
        self._warned: set[str] = set()
        self.duration = self._histogram(names.DURATION, names.BUCKETS)
        self.waits = self._histogram(names.WAIT, names.BUCKETS)
        self.lateness = self._histogram(names.LATENESS, names.BUCKETS)
        self.named: dict[str, Histogram] = {}
        self.tasks: Family[TaskSeries] = Family((names.TASK,), self._series, self._over_label_sets)
        self.retries = self._counters(names.RETRIES)
        self.lookups = self._counters(names.CACHE_LOOKUPS)
        self.missed = self._counters(names.MISSED)
        self.breakers: Family[Level] = Family((names.BREAKER,), lambda _: Level(), self._over_label_sets)
        self.hook_error_counts = self._counters(names.HOOK_ERRORS)
        self.lost: Family[Counter] = Family(
            (names.SIGNAL, names.REASON), lambda _: Counter(), self._over_label_sets
        )
        self.hook_errors = HookErrors(self.hook_error_counts)

    def series(self, task_name: str) -> TaskSeries:
        """Return what is kept of the tasks of this name."""
        return self.tasks.child(encodable(task_name))

    def find_series(self, task_name: str) -> TaskSeries | None:
        """Return what is kept of the tasks of this name, or None."""
        return self.tasks.find(encodable(task_name))

    def named_histogram(
        self, name: str, bounds: tuple[float, ...], publish: Callable[[Histogram], None]
    ) -> Histogram:
        """Return the metric of this name; `publish` is called with a new one, and what it raises undoes it.

        Raises:
            ValueError: It exists, with other bounds.
        """
        with self._guard:
            found = self.named.get(name)
            if found is None:
                found = self._histogram(_named_instrument(name), bounds)
                publish(found)
                self.named[name] = found
            if found.bounds != bounds:
                raise ValueError(
                    f"the metric {name!r} has the buckets {found.bounds}, and this task asks for {bounds}.\n"
                    f"One metric has one set of buckets: use the same ones, or another name."
                )
            return found

    def dropped(self) -> dict[str, int]:
        """Count the measurements over each cap."""
        counted: list[Family[Durations] | Family[Counter]] = [
            self.duration.family,
            self.waits.family,
            self.lateness.family,
            *(histogram.family for histogram in self.named.values()),
            self.retries,
            self.lookups,
            self.missed,
            self.hook_error_counts,
        ]
        return {
            "label_sets": sum(child.count for family in counted for child in family.overflow()),
            "error_types": sum(_other_errors(family) for family in counted),
        }

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


def _other_errors(family: Family[Durations] | Family[Counter]) -> int:
    if names.ERROR_TYPE not in family.labels:
        return 0
    index = family.labels.index(names.ERROR_TYPE)
    return sum(child.count for values, child in family.own() if values[index] == names.OTHER)


def _named_instrument(name: str) -> Instrument:
    return attrs.evolve(
        names.DURATION,
        otel_name=name,
        name=name,
        help="Time from the start of a call to its end, for the tasks that asked for buckets of their own.",
    )
