"""Runs: begun on the session's executor, one after another where they must not overlap."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextvars import Context, ContextVar, copy_context
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import attrs

from pegboard import Option, hookimpl
from pegboard.privacy import is_sensitive
from pegboard_schedule._records import Fire

if TYPE_CHECKING:
    from pegboard import Call, Session
    from pegboard_schedule._agenda import Agenda
    from pegboard_schedule._entry import Entry, Going

_log = logging.getLogger("pegboard.schedule")
_current: ContextVar[Going | None] = ContextVar("pegboard_schedule_run", default=None)


@attrs.frozen
class Fires(Option):
    """Marks the copy of a task that a schedule runs, so that only its calls tell of it."""

    plugin_name = "schedule"


def inside_a_run() -> bool:
    """Whether the running code belongs to a scheduled run."""
    return _current.get() is not None


def observer_of_fires(session: Session) -> object:
    """Make what notes that a scheduled run has begun, measures how late it is, and tells it."""
    labels = ("pegboard_task_name",)
    lateness = session.measure(
        "histogram",
        "pegboard_schedule_lateness_seconds",
        "Time from when a scheduled run was to begin until it began.",
        labels,
    )
    missed = session.measure(
        "counter",
        "pegboard_schedule_missed",
        "Scheduled runs that were dropped, counted when the next one begins.",
        labels,
    )

    @hookimpl
    def before_execute(call: Call) -> None:
        going = _current.get()
        if going is not None:
            going.lateness = max(session.clock.time() - going.due, 0.0)
            lateness.labels(pegboard_task_name=call.task.name).observe(going.lateness)
            missed.labels(pegboard_task_name=call.task.name).add(going.missed)
            call.emit("on_schedule_fire", Fire(going.entry.id, going.scheduled, going.lateness, going.missed))

    return SimpleNamespace(before_execute=before_execute)


def context_in(session: Session) -> Context:
    """Return a context in which `session` is current and nothing else is set: no call, no span of whoever started."""

    def inside() -> Context:
        with session:
            return copy_context()

    return Context().run(inside)


class Launcher:
    """Begins runs in a session, and hears of their ends."""

    def __init__(self, session: Session, agenda: Agenda) -> None:
        self._session = session
        self._agenda = agenda
        self._guard = agenda.guard
        self._context = context_in(session)
        self._going: set[Going] = set()

    def launch(self, due: list[Going]) -> list[Going]:
        """Begin runs, or let them wait for others of their entry; return those that were not dropped."""
        taken = []
        for going in due:
            with self._guard:
                kept = self._keep(going)
            if kept:
                taken.append(going)
                self._begin_waiting(going.entry)
        return taken

    def drain(self) -> None:
        """Give up what has not begun, and wait for what has."""
        with self._guard:
            going = list(self._going)
            unbegun = [run for entry in {each.entry for each in going} for run in entry.waiting]
            for run in unbegun:
                run.entry.waiting.clear()
        for run in reversed(unbegun):
            self._end(run, "cancelled")
        for run in going:
            if run.future is not None:
                run.future.cancel()
        wait([run.over for run in going])

    def _keep(self, going: Going) -> bool:
        entry, overlap = going.entry, going.entry.trigger.overlap
        busy = entry.waiting or (entry.running and overlap == "skip")
        drops = busy and not going.made_up and overlap != "allow"
        if drops:
            entry.missed += 1
            _log.warning("%s is due while its last run goes on, so this run is dropped", entry.id)
            return False
        entry.waiting.append(going)
        self._going.add(going)
        return True

    def _begin_waiting(self, entry: Entry) -> None:
        """Begin what may begin of an entry; one thread at a time does it, and looks again until nothing is left."""
        with self._guard:
            if entry.launching:
                return
            entry.launching = True
        try:
            while (going := self._next(entry)) is not None:
                self._submit(going)
        except BaseException:
            with self._guard:
                entry.launching = False
            raise

    def _next(self, entry: Entry) -> Going | None:
        with self._guard:
            if not entry.waiting or (entry.running and entry.trigger.overlap != "allow"):
                entry.launching = False
                return None
            going = entry.waiting.popleft()
            going.missed, entry.missed = entry.missed, 0
            entry.running.add(going)
            return going

    def _submit(self, going: Going) -> None:
        try:
            going.future = self._context.copy().run(_submit, going)
        except BaseException as error:
            self._end(going, "error", error=error)
            if not isinstance(error, Exception):  # of a function that runs inline
                raise
            return
        going.future.add_done_callback(lambda future: self._over(going, future))

    def _over(self, going: Going, future: Future[Any]) -> None:
        if future.cancelled():
            self._end(going, "cancelled")
        elif (error := future.exception()) is not None:
            self._end(going, "error", error=error)
        else:
            self._end(going, "ok", value=future.result())
        self._begin_waiting(going.entry)

    def _end(
        self, going: Going, status: Any, *, value: object = None, error: BaseException | None = None
    ) -> None:
        if status == "cancelled":
            self._agenda.give_back(going)
        with self._guard:
            going.entry.running.discard(going)
            self._going.discard(going)
        if error is not None:
            self._log_failure(going.entry, error)
        going.finish(status, value, error)

    def _log_failure(self, entry: Entry, error: BaseException) -> None:
        # A traceback may show a secret, and cannot be masked before its formatter has written it.
        hidden = entry.sensitive or bool(self._session.masks) or is_sensitive(error)
        _log.error(
            "a run of %s failed with %s; the schedule goes on",
            entry.id,
            type(error).__name__,
            exc_info=None if hidden else error,
        )


def _submit(going: Going) -> Future[Any]:
    _current.set(going)
    submit: Callable[[], Future[Any]] = going.entry.call
    return submit()
