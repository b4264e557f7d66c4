"""The plugin of a worker's session that measures nested calls for the session at home."""

from __future__ import annotations

from array import array
from contextvars import ContextVar
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from pegboard.hookspecs import hookimpl
from pegboard.parts import new_lock
from pegboard.records import Measurements, error_type

if TYPE_CHECKING:
    from pegboard.calls.call import Call
    from pegboard.records import Outcome
    from pegboard.sessions.session import Session
    from pegboard.tasks.task import Task


class _Here:
    """What is measured during one run of a function, until it is taken."""

    __slots__ = ("now",)

    def __init__(self) -> None:
        self.now: Measurements | None = Measurements()


_here: ContextVar[_Here | None] = ContextVar("pegboard_measured_here", default=None)


class NestedMeasurements:
    """Collects what is measured, until it is taken: for each run by itself, as several may go on at once in threads.

    What was measured by then of no run, or of one that is over, goes along with the next that is taken.
    """

    name = "nested_measurements"

    def __init__(self) -> None:
        self._guard = new_lock()
        self._late = Measurements()

    def begin(self) -> None:
        """Collect what is measured in this context, and in copies of it, apart from everything else."""
        _here.set(_Here())

    def take(self) -> Measurements | None:
        """Return what was measured in this context since `begin`; None when nothing was."""
        here = _here.get()
        with self._guard:
            taken = Measurements()
            if here is not None and here.now is not None:
                taken, here.now = here.now, None
            if self._late:
                merge(taken, self._late)
                self._late = Measurements()
        return taken or None

    def _now(self) -> Measurements:
        here = _here.get()
        return self._late if here is None or here.now is None else here.now

    @hookimpl
    def bind(self, session: Session, task: Task[..., Any]) -> object:  # noqa: ARG002 - pluggy's names
        """Observe every task."""
        name = task.name

        @hookimpl
        def after_execute(call: Call, outcome: Outcome) -> None:
            key = (name, outcome.status, outcome.source, error_type(outcome.error))
            with self._guard:
                now = self._now()
                now.durations.setdefault(key, array("d")).append(outcome.duration)
                if outcome.attempts == 0:
                    _count(now.not_run, name)
                elif outcome.attempts > 1:
                    _count(now.again, name, outcome.attempts - 1)
                if call.sampled and call.trace_id is not None and call.span_id is not None:
                    now.exemplars[key] = (call.trace_id, call.span_id, outcome.duration)

        @hookimpl
        def on_retry(error: Exception) -> None:
            with self._guard:
                _count(self._now().retries, (name, error_type(error)))

        @hookimpl
        def on_cache_hit() -> None:
            with self._guard:
                _count(self._now().lookups, (name, "hit"))

        @hookimpl
        def on_cache_miss() -> None:
            with self._guard:
                _count(self._now().lookups, (name, "miss"))

        @hookimpl
        def on_wait(call: Call, seconds: float) -> None:
            with self._guard:
                self._now().waits.setdefault((name, call.executor), array("d")).append(seconds)

        @hookimpl
        def on_measurements(measurements: Measurements) -> None:
            with self._guard:
                merge(self._now(), measurements)

        return SimpleNamespace(
            after_execute=after_execute,
            on_retry=on_retry,
            on_cache_hit=on_cache_hit,
            on_cache_miss=on_cache_miss,
            on_wait=on_wait,
            on_measurements=on_measurements,
        )


def _count(counts: dict[Any, int], key: object, number: int = 1) -> None:
    counts[key] = counts.get(key, 0) + number


def merge(into: Measurements, more: Measurements) -> None:
    """Add what was measured further out: in a worker of a worker."""
    pairs: list[tuple[Any, Any]] = [(into.durations, more.durations), (into.waits, more.waits)]
    for kept, found in pairs:
        for key, seconds in found.items():
            kept.setdefault(key, array("d")).extend(seconds)
    for counts, added in (
        (into.not_run, more.not_run),
        (into.again, more.again),
        (into.retries, more.retries),
        (into.lookups, more.lookups),
    ):
        for what, number in added.items():
            _count(counts, what, number)
    into.exemplars.update(more.exemplars)
