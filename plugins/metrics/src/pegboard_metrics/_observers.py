"""The observers of one task, with everything they need bound to them: what a metered call costs is here."""

from __future__ import annotations

from collections.abc import Callable
from time import time
from types import SimpleNamespace
from typing import TYPE_CHECKING

from pegboard import hookimpl
from pegboard_metrics._counter import Counter
from pegboard_metrics._durations import PENDING_MOST, Durations, TraceExemplar

if TYPE_CHECKING:
    from pegboard import Call, Outcome
    from pegboard_metrics._ledger import Ledger
    from pegboard_metrics._series import TaskSeries
    from pegboard_metrics._store import Histogram, Store

AfterExecute = Callable[["Call", "Outcome"], None]
_STORED = ("cache", "journal")
_USUAL = ("ok", "run", "")
"""Status, source and error type of a call whose function returned."""


def bind_observers(
    store: Store, ledger: Ledger, series: TaskSeries, named: Histogram | None, *, traced: bool
) -> object:
    """Make the observers of one task.

    Args:
        store: Where to count what is of no session's own.
        ledger: Where to count what is.
        series: What the ledger keeps of this task.
        named: A second metric that takes the task's durations.
        traced: Whether anybody could have set `call.sampled`. Reading the slot while it is empty costs as much as
            all the rest.
    """
    _show_zeros(store, ledger, series, named)
    record = _recorder(ledger, series, named, traced=traced)
    after_execute = _counted(series, record) if named else _fast(ledger, series, record, traced=traced)
    begin = series.active.add

    def before_execute(call: Call) -> None:
        begin(call)

    return SimpleNamespace(
        before_execute=hookimpl(before_execute),
        after_execute=hookimpl(after_execute),
        **_bind_counters(store, ledger, series),
    )


def _show_zeros(store: Store, ledger: Ledger, series: TaskSeries, named: Histogram | None) -> None:
    """Show that nothing was counted so far, so that the first time is a change: what comes from nowhere is none to Prometheus.

    That nothing has failed needs one bucket: with all of them, a page would have twice its size.
    """
    ledger.durations.child(series.name, *_USUAL)
    for family in (store.durations, *(() if named is None else (named.family,))):
        family.child(series.name, *_USUAL)
        family.stand_in(Durations(()), series.name, "error", "run", "")
    store.retries.stand_in(Counter(), series.name, "")


def _bind_counters(store: Store, ledger: Ledger, series: TaskSeries) -> dict[str, Callable[..., None]]:
    retries, waits, lookups, name = ledger.retries, store.waits.family, ledger.lookups, series.name

    @hookimpl
    def on_retry(error: Exception) -> None:
        retries.child(name, series.error_type(error)).add()

    @hookimpl
    def on_wait(call: Call, seconds: float) -> None:
        waits.child(name, call.executor).observe(seconds)

    @hookimpl
    def on_cache_hit() -> None:
        lookups.child(name, "hit").add()

    @hookimpl
    def on_cache_miss() -> None:
        lookups.child(name, "miss").add()

    return {
        "on_retry": on_retry,
        "on_wait": on_wait,
        "on_cache_hit": on_cache_hit,
        "on_cache_miss": on_cache_miss,
    }


def _recorder(ledger: Ledger, series: TaskSeries, named: Histogram | None, *, traced: bool) -> AfterExecute:
    """Make what records any outcome."""
    families = [ledger.durations] if named is None else [ledger.durations, named.family]

    def record(call: Call, outcome: Outcome) -> None:
        _note_end(series, outcome)
        if outcome.source in _STORED:
            return
        labels = (series.name, outcome.status, outcome.source, series.error_type(outcome.error))
        exemplar = _exemplar_of(call, outcome.duration) if traced else None
        for family in families:
            durations = family.child(*labels)
            durations.observe(outcome.duration)
            if exemplar is not None:
                durations.exemplify(exemplar)

    return record


def _note_end(series: TaskSeries, outcome: Outcome) -> None:
    """Keep what an outcome tells beside its duration."""
    series.note_time(outcome.status, outcome.source)
    if outcome.attempts == 0:
        series.not_run.add()
    elif outcome.attempts > 1:
        series.again.add(outcome.attempts - 1)
    if outcome.source in _STORED:
        series.served.add()
        if outcome.status == "error":
            series.served_failures.add()


def _counted(series: TaskSeries, record: AfterExecute) -> AfterExecute:
    end = series.active.discard

    def after_execute(call: Call, outcome: Outcome) -> None:
        end(call)
        record(call, outcome)

    return after_execute


def _fast(ledger: Ledger, series: TaskSeries, record: AfterExecute, *, traced: bool) -> AfterExecute:
    """As `_counted`, with the usual end of a call, a value of its function, resolved beforehand."""
    durations = ledger.durations.child(series.name, *_USUAL)
    pending, fold, exemplify = durations.pending, durations.fold, durations.exemplify
    end, append, now = series.active.discard, pending.append, time

    def after_execute(call: Call, outcome: Outcome) -> None:
        end(call)
        if outcome.status != "ok" or outcome.source != "run" or outcome.attempts != 1:
            record(call, outcome)
            return
        series.last_success = now()
        append(outcome.duration)
        if len(pending) > PENDING_MOST:
            fold(wait=False)
        if traced:
            exemplar = _exemplar_of(call, outcome.duration)
            if exemplar is not None:
                exemplify(exemplar)

    return after_execute


def _exemplar_of(call: Call, seconds: float) -> TraceExemplar | None:
    """Point at the span of a call; None for one that is not sampled."""
    if not call.sampled or call.trace_id is None or call.span_id is None:
        return None
    return TraceExemplar(call.trace_id, call.span_id, seconds, time())
