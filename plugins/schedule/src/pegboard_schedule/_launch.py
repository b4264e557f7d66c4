"""Runs: begun on the session's executor, one after another where they must not overlap."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextvars import Context, ContextVar, copy_context
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import attrs

from pegboard import Option, current_session, hookimpl
from pegboard.parts import after_fork
from pegboard.privacy import loggable
from pegboard_schedule._records import Fault, Fire

if TYPE_CHECKING:
    from pegboard import Call, Session
    from pegboard_schedule._agenda import Agenda
    from pegboard_schedule._entry import Entry, Going

_log = logging.getLogger("pegboard.schedule")
_is_asked = ContextVar("pegboard_schedule_asked", default=False)
_current: ContextVar[Going | None] = ContextVar("pegboard_schedule_run", default=None)


@attrs.frozen
class Fires(Option):
    """Marks the copy of a task that a schedule runs, so that only its calls tell of it."""

    plugin_name = "schedule"


def inside_a_run() -> bool:
    """Whether the running code belongs to a scheduled run, or is what an entry was asked."""
    return _current.get() is not None or _is_asked.get()


def observer_of_fires(session: Session, task: str) -> object:
    """Make what notes that a scheduled run of a task has begun, measures how late it is, and tells it."""
    lateness = session.measure(
        "histogram",
        "pegboard_schedule_lateness_seconds",
        "Time from when a scheduled run was to begin until it began.",
        ("pegboard_task_name",),
    ).labels(pegboard_task_name=task)

    @hookimpl
    def before_execute(call: Call) -> None:
        going = _current.get()
        if going is not None:
            going.lateness = max(session.clock.time() - going.due, 0.0)
            lateness.observe(going.lateness)
            call.emit("on_schedule_fire", Fire(going.entry.id, going.scheduled, going.lateness, going.missed))

    return SimpleNamespace(before_execute=before_execute)


def counter_of_missed(session: Session, task: str) -> Callable[[int], object]:
    """Return what counts the runs of a task that are dropped; it shows 0 until then."""
    missed = session.measure(
        "counter",
        "pegboard_schedule_missed",
        "Scheduled runs that were dropped.",
        ("pegboard_task_name",),
    )
    return missed.labels(pegboard_task_name=task).add


def context_in(session: Session) -> Context:
    """Return a context in which `session` is current and nothing else is set: no call, no span of whoever started."""

    def inside() -> Context:
        if current_session() is session:  # it is installed, and leaving it would uninstall it
            return copy_context()
        with session:
            return copy_context()

    return Context().run(inside)


def context_of_questions(session: Session) -> Context:
    """Return a context like that, in which code knows that the schedule waits for its answer."""
    context = context_in(session)
    context.run(_is_asked.set, True)
    return context


class Launcher:
    """Begins runs in a session, and hears of their ends."""

    def __init__(self, session: Session, agenda: Agenda) -> None:
        self._session = session
        self._agenda = agenda
        self._context = context_in(session)
        self._going: set[Going] = set()
        after_fork(self._begin_anew)

    def _begin_anew(self) -> None:
        """In a forked child: what goes on is the parent's."""
        self._going = set()

    def launch(self, due: list[Going]) -> list[Going]:
        """Begin runs, or let them wait for others of their entry; return those that were not dropped.

        Raises:
            BaseException: Of a signal handler, or an exit of a run, in the main thread; the runs after it are given back.
        """
        taken, left = [], deque(due)
        try:
            while left:
                going = left.popleft()
                with self._agenda.guard:
                    kept = self._keep(going)
                if kept:
                    taken.append(going)
                    self._begin_waiting(going.entry)
        except BaseException:
            for going in reversed(left):
                self._agenda.give_back(going)
            raise
        return taken

    def drain(self, most: float | None = None) -> None:
        """Give up what has not begun, and wait for what has, so many seconds at most."""
        going = self.give_up()
        wait([run.over for run in going], most)

    def give_up(self) -> list[Going]:
        """Give up what has not begun, and return all that was going on."""
        with self._agenda.guard:
            going = list(self._going)
            unbegun = [run for entry in {each.entry for each in going} for run in entry.waiting]
            for run in unbegun:
                run.entry.waiting.clear()
        for run in reversed(unbegun):
            self._end(run, "cancelled")
        for run in going:
            if run.future is not None:
                run.future.cancel()
        return going

    def _keep(self, going: Going) -> bool:
        entry, overlap = going.entry, going.entry.trigger.overlap
        busy = entry.waiting or (entry.running and overlap == "skip")
        drops = busy and not going.made_up and overlap != "allow"
        if drops:
            entry.miss(1)
            if not entry.is_dropping:  # said once, until a run begins
                _log.warning("%s is due while its last run goes on, so this run is dropped", entry.id)
            entry.is_dropping = True
            return False
        entry.waiting.append(going)
        self._going.add(going)
        return True

    def _begin_waiting(self, entry: Entry) -> None:
        """Begin what may begin of an entry; one thread at a time does it, and looks again until nothing is left."""
        with self._agenda.guard:
            if entry.launching:
                return
            entry.launching = True
        try:
            while (going := self._next(entry)) is not None:
                self._submit(going)
        except BaseException:
            with self._agenda.guard:
                entry.launching = False
            raise

    def _next(self, entry: Entry) -> Going | None:
        with self._agenda.guard:
            if not entry.waiting or (entry.running and entry.trigger.overlap != "allow"):
                entry.launching = False
                return None
            going = entry.waiting.popleft()
            going.missed, entry.missed = entry.missed - going.dropped_later, going.dropped_later
            entry.is_dropping = False
            entry.running.add(going)
            return going

    def _submit(self, going: Going) -> None:
        try:
            going.future = self._context.copy().run(_submit, going)
        except BaseException as error:
            self._end(going, "error", error=error)
            # Of a function that runs inline, or of a signal handler, which only the main thread has.
            if not isinstance(error, Exception) and threading.current_thread() is threading.main_thread():
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
        with self._agenda.guard:
            going.entry.running.discard(going)
            self._going.discard(going)
        if error is not None:
            self._log_failure(going.entry, error)
        going.finish(status, value, error)

    def log_fault(self, fault: Fault) -> None:
        """Log what is wrong with an entry, once for several in a row."""
        if fault.is_new:
            then = "it is paused" if fault.paused else "the others go on"
            told, kind = loggable(fault.error), type(fault.error).__name__
            text = "the %s of %s failed with %s; " + then
            _log.error(text, fault.source, fault.id, kind, exc_info=told)

    def _log_failure(self, entry: Entry, error: BaseException) -> None:
        _log.error(
            "a run of %s failed with %s; the schedule goes on",
            entry.id,
            type(error).__name__,
            exc_info=None if entry.sensitive else loggable(error),
        )


def _submit(going: Going) -> Future[Any]:
    _current.set(going)
    submit: Callable[[], Future[Any]] = going.entry.call
    return submit()
