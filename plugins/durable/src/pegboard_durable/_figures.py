"""What is measured of durable runs, where metrics are attached."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from pegboard.parts import new_lock
from pegboard_durable._errors import DurableError
from pegboard_durable._records import Status

if TYPE_CHECKING:
    from pegboard import Session
    from pegboard.parts.measuring import Counter, Histogram
    from pegboard_durable.journal.journal import Journal

_FRESH = 1.0  # seconds that a count of all runs is told again


class Figures:
    """The figures of one session.

    Attributes:
        leases_lost: Counts runs that another process took over.
    """

    def __init__(self, session: Session) -> None:
        self.leases_lost = session.measure(
            "counter", "pegboard_durable_lease_losses", "Runs that another process took over."
        )
        self._ended = session.measure(
            "counter",
            "pegboard_durable_runs_ended",
            "Durable runs that ended here, or were set aside, by how.",
            ("pegboard_task_name", "pegboard_run_status"),
        )
        self._replays = session.measure(
            "counter",
            "pegboard_task_replays",
            "Steps that were answered from the journal.",
            ("pegboard_task_name",),
        )
        self._durations = session.measure(
            "histogram",
            "pegboard_durable_step_duration_seconds",
            "How long steps took that ran, without recording them.",
            ("pegboard_task_name",),
        )

    def ended(self, task: str, status: Status) -> None:
        """Count a run that ended, or was set aside."""
        self._ended.labels(pegboard_task_name=task, pegboard_run_status=str(status)).add()

    def replays_of(self, task: str) -> Counter:
        """Return what counts the replays of a task's steps."""
        return self._replays.labels(pegboard_task_name=task)

    def durations_of(self, task: str) -> Histogram:
        """Return what measures a task's steps."""
        return self._durations.labels(pegboard_task_name=task)


def show_runs(session: Session, journal: Journal) -> None:
    """Have a session show how many runs of each status its journal has: those of all processes."""
    gauge = session.measure(
        "gauge",
        "pegboard_durable_runs",
        "Durable runs in the journal, by status.",
        ("pegboard_run_status",),
    )
    counts = _Counts(journal)
    for status in Status:
        gauge.labels(pegboard_run_status=str(status)).set_function(counts.of(status))


class _Counts:
    """How many runs there are, asked once for all statuses of a scrape."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._guard = new_lock()
        self._asked_at = -math.inf
        self._counts: Mapping[str, int] | None = None

    def of(self, status: Status) -> Callable[[], float]:
        """Return what counts the runs of a status; NaN where the journal cannot be read."""

        def count() -> float:
            counts = self._fresh()
            return math.nan if counts is None else counts.get(str(status), 0)

        return count

    def _fresh(self) -> Mapping[str, int] | None:
        with self._guard:
            now = time.monotonic()
            if now - self._asked_at > _FRESH:
                self._asked_at = now
                try:
                    self._counts = self._journal.count()
                except DurableError:
                    self._counts = None
            return self._counts
