"""Calls that ran in other processes, counted here: one registry has all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import time
from typing import TYPE_CHECKING

from pegboard_metrics._durations import TraceExemplar

if TYPE_CHECKING:
    from pegboard.records import Measurements
    from pegboard_metrics._ledger import Ledger
    from pegboard_metrics._series import TaskSeries
    from pegboard_metrics._store import Store

_STORED = ("cache", "journal")


def count_elsewhere(store: Store, ledger: Ledger, measured: Measurements) -> None:
    """Record what was measured of the calls that a function made in another process: they are the calling session's."""
    for (task, status, source, error), durations in measured.durations.items():
        series = ledger.series(task)
        _note_ends(series, status, source, len(durations))
        if source in _STORED:
            continue
        family = ledger.durations.child(series.name, status, source, series.known_error_type(error))
        _observe(family.observe, durations)
        exemplar = measured.exemplars.get((task, status, source, error))
        if exemplar is not None:
            family.exemplify(TraceExemplar(*exemplar, time()))
    for task, number in measured.not_run.items():
        ledger.series(task).not_run.add(number)
    for task, number in measured.again.items():
        ledger.series(task).again.add(number)
    for (task, error), number in measured.retries.items():
        series = ledger.series(task)
        ledger.retries.child(series.name, series.known_error_type(error)).add(number)
    for (task, result), number in measured.lookups.items():
        ledger.lookups.child(ledger.series(task).name, result).add(number)
    for (task, executor), waits in measured.waits.items():
        _observe(store.waits.family.child(store.series(task).name, executor).observe, waits)


def _observe(observe: Callable[[float], None], durations: Sequence[float]) -> None:
    for seconds in durations:
        observe(seconds)


def _note_ends(series: TaskSeries, status: str, source: str, number: int) -> None:
    series.note_time(status, source)
    if source in _STORED:
        series.served.add(number)
        if status == "error":
            series.served_failures.add(number)
