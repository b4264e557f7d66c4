"""What one session measured of its tasks, and the sessions inside it that inherit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol
from weakref import ref

from pegboard.parts import new_rlock
from pegboard_metrics._counter import Counter
from pegboard_metrics._durations import Durations
from pegboard_metrics._family import Family
from pegboard_metrics._series import TaskSeries

if TYPE_CHECKING:
    from pegboard import Session


class Above(Protocol):
    """What a ledger hands on to what it counts: the ledger of the session around, or the store."""

    durations: Family[Durations]
    retries: Family[Counter]
    lookups: Family[Counter]
    bounds: tuple[float, ...]

    def series(self, task_name: str) -> TaskSeries:
        """Return what is kept of the tasks of this name."""


class Ledger:
    """What one session measured of its tasks, and the sessions inside it that inherit.

    Calls are counted in the ledger of their session alone; each hands on what it has to the one above, and the store adds up
    what all have when it is read.

    Attributes:
        session: The session, if it still exists.
        durations, retries, lookups: As in the store.
    """

    def __init__(self, above: Above, session: Session) -> None:
        self.session = ref(session)
        self.bounds = above.bounds
        self.durations: Family[Durations] = Family(
            above.durations.labels,
            lambda values: Durations(above.bounds, above.durations.child(*values)),
            _nobody,
        )
        self.retries: Family[Counter] = Family(
            above.retries.labels, lambda values: Counter(above.retries.child(*values)), _nobody
        )
        self.lookups: Family[Counter] = Family(
            above.lookups.labels, lambda values: Counter(above.lookups.child(*values)), _nobody
        )
        self._above = above
        self._guard = new_rlock()
        self._series: dict[str, TaskSeries] = {}

    def series(self, task_name: str) -> TaskSeries:
        """Return what is kept of the tasks of this name, in this session."""
        above = self._above.series(task_name)
        with self._guard:
            found = self._series.get(above.name)
            if found is None:
                found = self._series[above.name] = TaskSeries(above.name, _nobody, above)
            return found

    def find_series(self, task_name: str) -> TaskSeries | None:
        """Return it if there is any; `task_name` is the one that the store knows."""
        return self._series.get(task_name)

    def begin_anew(self) -> None:
        """Begin at 0, in a forked child."""
        for family in (self.durations, self.retries, self.lookups):
            family.begin_anew()
        with self._guard:
            for series in self._series.values():
                series.begin_anew()

    def hand_on(self) -> None:
        """Give what is pending to what is above."""
        for _, durations in self.durations.items():  # noqa: PERF102 - no dict, but a family
            durations.fold()

    def is_over(self) -> bool:
        """Whether its session has ended, and all calls."""
        session = self.session()
        if session is not None and session.is_open:
            return False
        with self._guard:
            return not any(series.active for series in self._series.values())

    def leave(self) -> None:
        """Be no part of what is above any more, but for what it was given."""
        self.hand_on()
        with self._guard:
            for series in self._series.values():
                series.leave()


def _nobody() -> None:
    """Say nothing of label sets over the cap: the store does."""
