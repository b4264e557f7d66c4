"""What `session.measure` gives where metrics are attached."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Generic, TypeVar
from weakref import ref

from pegboard_metrics._counter import Counter
from pegboard_metrics._durations import Durations
from pegboard_metrics._family import Bound

if TYPE_CHECKING:
    from pegboard import Session
    from pegboard_metrics._family import Counting, Family
    from pegboard_metrics._level import Level
    from pegboard_metrics._store import Gauges
    from pegboard_metrics.names import Instrument

Child = TypeVar("Child", bound="Counting")

_log = logging.getLogger("pegboard.metrics")


class _Measured(Generic[Child]):
    """An instrument: binding its labels gives the child that counts.

    One without labels has its only child from the start, so that a rate over a counter is defined before it first counts.
    """

    def __init__(self, instrument: Instrument, family: Family[Child]) -> None:
        self._instrument = instrument
        self._family = family
        self._only = None if instrument.labels else family.child()

    def labels(self, **values: str) -> Child:
        """Return the child of these label values."""
        family = self._family
        if (*values,) == family.labels:
            return family.child(*values.values())
        return family.child(*self._in_order(values))

    def _in_order(self, values: Mapping[str, str]) -> list[str]:
        names = self._family.labels
        if values.keys() != set(names):
            raise ValueError(
                f"{self._instrument.name} has {_listed(names)}, and labels(...) was given {_listed(values)}.\n"
                f"Give each its value: labels({', '.join(f'{name}=...' for name in names)})."
            )
        return [values[name] for name in names]

    def child(self) -> Child:
        """Return the only child; with labels there is none to use before they are bound."""
        return self.labels() if self._only is None else self._only


class MeasuredCounter(_Measured[Counter]):
    """A counter, and the only child of one without labels."""

    def add(self, amount: float = 1) -> None:
        """Count so much more."""
        self.child().add(amount)


class MeasuredHistogram(_Measured[Durations]):
    """A histogram, and the only child of one without labels."""

    def observe(self, value: float) -> None:
        """Count one of this size."""
        self.child().observe(value)


class MeasuredGauge:
    """A gauge as one session has it.

    Its functions are kept here and nowhere else, and only the session and who measures keep this: metrics keep nothing alive.

    Attributes:
        session: The session, if it still exists.
        functions: What the values of label sets are asked of while the session is open.
    """

    def __init__(self, gauges: Gauges, session: Session) -> None:
        self._measured = _Measured(gauges.instrument, gauges.family)
        self.session = ref(session)
        self.functions: dict[Level, Callable[[], float]] = {}

    @property
    def is_open(self) -> bool:
        """Whether its session is open."""
        session = self.session()
        return session is not None and session.is_open

    def labels(self, **values: str) -> BoundGauge:
        """Return the gauge of these label values."""
        return BoundGauge(self, self._measured.labels(**values))

    def set(self, value: float) -> None:
        """Note what it is now."""
        self._measured.child().set(value)

    def add(self, amount: float = 1) -> None:
        """Note that it is so much more now, or less."""
        self._measured.child().add(amount)

    def set_function(self, source: Callable[[], float]) -> None:
        """Ask `source` for the value from now on, until the session ends."""
        self.functions[self._measured.child()] = source


class BoundGauge(Bound):
    """One label set of a gauge, as one session has it."""

    __slots__ = ("_gauge", "_level")

    def __init__(self, gauge: MeasuredGauge, level: Level) -> None:
        self._gauge = gauge
        self._level = level

    def set(self, value: float) -> None:
        """Note what it is now."""
        self._level.set(value)

    def add(self, amount: float = 1) -> None:
        """Note that it is so much more now, or less."""
        self._level.add(amount)

    def set_function(self, source: Callable[[], float]) -> None:
        """Ask `source` for the value from now on, until the session ends."""
        self._gauge.functions[self._level] = source


def read_levels(gauges: Gauges) -> list[tuple[tuple[str, ...], float]]:
    """Read the label sets of a gauge that have a value.

    A function counts while its session is open; of several, that of the session which measured last.
    """
    views = [view for view in gauges.views() if view.is_open]
    read = []
    for values, level in gauges.family.items():
        asked = (view.functions.get(level) for view in reversed(views))  # a session may end meanwhile
        source = next(filter(None, asked), None)
        value = level.value_if_set if source is None else _asked(gauges, source)
        if value is not None:
            read.append((values, value))
    return read


def _asked(gauges: Gauges, source: Callable[[], float]) -> float | None:
    """Ask a function; one that fails is left out, as a scrape without it is better than none."""
    try:
        return float(source())
    except Exception as error:  # noqa: BLE001 - whatever a plugin's function raises
        if not gauges.warned:
            gauges.warned = True
            _log.warning(
                "a function of the gauge %s failed with %s; it is left out where it does",
                gauges.instrument.name,
                type(error).__name__,
            )
        return None


def _listed(names: object) -> str:
    listed = ", ".join(names) if isinstance(names, tuple | dict) else ""
    return f"the labels {listed}" if listed else "no labels"
