"""The plugin."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pegboard import Session, Task, hookimpl
from pegboard.clock import SystemClock
from pegboard.parts import after_fork, checks, new_rlock, time_for_work
from pegboard.sessions.sigterm import serving
from pegboard_schedule import _checks, hookspecs
from pegboard_schedule._adding import checked_arguments, checked_task, triggers_of
from pegboard_schedule._agenda import Agenda
from pegboard_schedule._asking import Asker
from pegboard_schedule._at import At
from pegboard_schedule._entry import Entry
from pegboard_schedule._errors import ScheduleError
from pegboard_schedule._launch import (
    Fires,
    Launcher,
    context_of_questions,
    counter_of_missed,
    observer_of_fires,
)
from pegboard_schedule._loop import Loop
from pegboard_schedule._store import LastRuns

if TYPE_CHECKING:
    from pegboard_schedule._entry import Going
    from pegboard_schedule._records import Run, Scheduled
    from pegboard_schedule._trigger import Trigger

_log = logging.getLogger("pegboard.schedule")
_GRACE = checks.number(above=0)
_SEED = checks.whole().or_none("another jitter in every run")


class Scheduling:
    """Runs tasks when their triggers say so, on the executor of the session it is attached to.

    Entries live as long as the session. Methods may be called from any thread. An instance that is attached to several
    sessions runs its tasks in the one that came first.

    Args:
        tasks: Tasks with triggers among their options, scheduled in every session from the first use on.
        path: A file that keeps when each entry was last due, so that a restart neither skips nor repeats a run. Of several
            processes with the same file, one runs each. None keeps it in memory.
        seed: Makes jitter reproducible.
        patience: Seconds within which a condition, or a trigger of your own, is to answer; later it is told as an error, and
            others do not wait for it.

    Raises:
        TypeError: One of `tasks` is no task.
        ScheduleError: One has no trigger.
    """

    name = "schedule"
    hookspecs = hookspecs

    def __init__(
        self,
        *tasks: Task[..., Any],
        path: str | PathLike[str] | None = None,
        seed: int | None = None,
        patience: float = 2.0,
    ) -> None:
        self._tasks = [(each, triggers_of(checked_task(each))) for each in tasks]
        self._path = None if path is None else Path(path)
        self._seed = _SEED.check("seed", seed, owner="Scheduling")
        self._patience = _checks.seconds("patience", patience, 0.001)
        self._guard = new_rlock()
        self._sessions: list[Session] = []
        self._parts: _Parts | None = None
        self._was_asked_to_run = False
        after_fork(self._begin_anew)

    def _begin_anew(self) -> None:
        """In a forked child: who runs the schedule is the parent's to see to."""
        self._guard = new_rlock()
        self._was_asked_to_run = True

    @hookimpl
    def session_start(self, session: Session) -> None:
        """Note the session; nothing is scheduled before it is asked for."""
        self._sessions.append(session)

    @hookimpl
    def bind(self, session: Session, task: Task[..., Any]) -> object:
        """Watch the calls that are scheduled runs, and no others."""
        return None if task.option(Fires) is None else observer_of_fires(session, task.name)

    @hookimpl
    def session_draining(self) -> None:
        """Begin no more runs; those that wait for others of their entry are given up."""
        parts = self._parts
        if parts is not None and parts.session.is_draining:
            parts.loop.ask_to_stop()
            parts.launcher.give_up()

    @hookimpl
    def session_forked(self) -> str | None:
        """Say that the parent goes on to run the schedule, if it did: a second process would run all of it a second time."""
        if self._parts is None or not self._parts.loop.is_parents:
            return None
        return "Scheduling(): the parent runs the schedule; what this process is to run, it runs by start() or run_pending()"

    @hookimpl
    def session_end(self, session: Session) -> None:
        """Stop, wait for what runs, and forget the entries."""
        parts = self._parts
        if session is self._sessions[0]:
            self._tell_unless_asked_to_run(parts)
        if parts is not None and parts.session is session:
            parts.close()
            self._parts = None
        self._sessions.remove(session)

    def _tell_unless_asked_to_run(self, parts: _Parts | None) -> None:
        waiting = [task.name for task, _ in self._tasks]
        if parts is not None:
            waiting = [entry.id for entry in parts.agenda.records()]
        if waiting and not self._was_asked_to_run:
            _log.warning(
                "the schedule ends, and nobody had it run: of its %d entries, among them %s, nothing was run.\n"
                "session[Scheduling].start() runs them in a thread of its own, and serve() here.",
                len(waiting),
                waiting[0],
            )
        self._was_asked_to_run = False

    def add(
        self,
        task: Task[..., Any],
        trigger: Trigger | None = None,
        *,
        args: Iterable[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        id: str | None = None,  # noqa: A002 - the word that everybody uses for it
    ) -> str:
        """Schedule a task, and return the id of the entry.

        Args:
            task: Of any kind.
            trigger: When it runs; None takes the one trigger among its options.
            args: Positional arguments of every run.
            kwargs: Named arguments of every run.
            id: Known by this to `remove` and to the stored last runs; default is the task's name, numbered if it is taken.

        Raises:
            TypeError: Not a task, not a trigger, or arguments that do not fit.
            ScheduleError: The id is taken, no session is open, or the task has no trigger of its own, or several.
            TriggerTimeout: A trigger of your own does not answer.
        """
        return self._ready().add(checked_task(task), trigger, tuple(args), dict(kwargs or {}), id)

    def remove(self, id: str) -> None:  # noqa: A002
        """Take an entry out, and forget its last run; a run that goes on is not stopped.

        Raises:
            UnknownSchedule: There is none of that id.
        """
        self._ready().agenda.remove(id)

    def pause(self, id: str) -> None:  # noqa: A002
        """Let an entry not run until it is resumed.

        Raises:
            UnknownSchedule: There is none of that id.
        """
        self._ready().agenda.pause(id)

    def resume(self, id: str) -> None:  # noqa: A002
        """Let an entry run again; what came due meanwhile is not made up.

        Raises:
            UnknownSchedule: There is none of that id.
        """
        parts = self._ready()
        parts.agenda.resume(id)
        parts.loop.wake()

    def scheduled(self) -> list[Scheduled]:
        """Return all entries that will run again, the next first and the paused ones last."""
        return self._ready().agenda.records()

    def run_pending(self) -> list[Run]:
        """Run what is due now, wait for it, and return how it went, in the order in which it was due; nothing once it drains."""
        return self._running().run_pending()

    def start(self) -> None:
        """Run what comes due from now on, in a thread of its own; nothing happens if it does already, or the session drains."""
        self._running().loop.start()

    def stop(self) -> None:
        """Run nothing more, and wait for what runs; the entries stay. Called in a scheduled run, it does not wait."""
        if self._parts is not None:
            self._parts.loop.stop()

    def serve(self, *, grace: float = 20.0) -> None:
        """Run what comes due until SIGTERM, SIGINT, `stop()`, or the session drains; then wait for what runs and return.

        At SIGTERM all sessions drain. What runs has `grace` seconds, and when it is over in time this returns, so that the program
        ends with 0; else the sessions are ended and the process with them, with status 143, as at a second SIGTERM. A second
        Ctrl-C does what it did before. In another thread than the main one, signals are left alone. Where the session has another
        clock than the system's, waits are its `sleep`.

        Args:
            grace: In seconds; where `install_sigterm()` was called, what that was given.

        Raises:
            ScheduleError: It runs already, or this is the thread of an event loop.
        """
        _refuse_in_event_loop()
        grace = _GRACE.check("grace", grace, owner="serve")
        loop = self._running().loop
        loop.run(serving(loop.ask_to_stop, grace))

    def _running(self) -> _Parts:
        self._was_asked_to_run = True
        return self._ready()

    def _ready(self) -> _Parts:
        parts = self._parts
        if parts is not None:
            return parts
        with self._guard:
            if self._parts is None:
                if not self._sessions:
                    raise ScheduleError(
                        "this schedule is attached to no open session, so its tasks would run in none.\n"
                        "Open one around it: with Session(Scheduling()) as session: session[Scheduling].add(...)"
                    )
                store = None if self._path is None else LastRuns(self._path)
                parts = _Parts(self._sessions[0], store, self._seed, self._patience)
                for task, triggers in self._tasks:
                    for trigger in triggers:
                        parts.add(task, trigger, (), {}, None, with_others=True)
                self._parts = parts
            return self._parts


class _Parts:
    """What a schedule is made of while its session is open."""

    def __init__(self, session: Session, store: LastRuns | None, seed: int | None, patience: float) -> None:
        self.session = session
        self.asker = Asker(context_of_questions(session), patience, self._wake)
        self.agenda = Agenda(session.clock, store, seed, self.asker)
        self.launcher = Launcher(session, self.agenda)
        self.loop = Loop(session.clock, self._turn, self.launcher.drain)
        self._marked: dict[Any, Any] = {}

    def add(
        self,
        task: Task[..., Any],
        trigger: Trigger | None,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        key: str | None,
        *,
        with_others: bool = False,
    ) -> str:
        rule = _only(task, triggers_of(task, trigger))
        checked_arguments(task, args, kwargs)
        call = partial(self._mark(task).submit, *args, **kwargs)
        key = self.agenda.new_id(task.name) if key is None else key
        missed = counter_of_missed(self.session, task.name)
        entry = Entry(key, call, task.name, task.sensitive, rule, None, 0, missed)
        remembered = not (isinstance(rule, At) and rule.when is None)
        self.agenda.add(entry, remembered=remembered, with_others=with_others)
        self.loop.wake()
        return key

    def run_pending(self) -> list[Run]:
        if self.session.is_draining:
            return []
        begun = self._launch(wait=True)
        begun.sort(key=lambda going: (going.due, going.entry.order))
        runs = [going.over.result() for going in begun]
        return [run for run in runs if run.status != "cancelled"]

    def close(self) -> None:
        self.loop.stop()
        self.launcher.drain(time_for_work())
        self.asker.close()
        self.agenda.clear()

    def _turn(self) -> float | None:
        if self.session.is_draining:
            self.loop.ask_to_stop()
        elif self.session.is_open:  # what begins while it ends might wait for the end, and the end for it
            self._launch(wait=not isinstance(self.session.clock, SystemClock))
        waits = (self.agenda.seconds_to_next(), self.asker.seconds_to_late())
        return min((seconds for seconds in waits if seconds is not None), default=None)

    def _launch(self, *, wait: bool) -> list[Going]:
        """Begin what is due, and what comes of questions that have an answer; a fake clock stands still until they have."""
        begun = self.launcher.launch(self.agenda.take_due())
        while wait and self.asker.wait():
            begun += self.launcher.launch(self.agenda.take_answered())
            self._tell_faults()
        begun += self.launcher.launch(self.agenda.take_answered())
        self._tell_faults()
        return begun

    def _tell_faults(self) -> None:
        for fault in self.agenda.take_faults():
            self.launcher.log_fault(fault)
            self.session.ask("on_schedule_error", session=self.session, fault=fault)

    def _wake(self) -> None:
        self.loop.wake()

    def _mark(self, task: Task[..., Any]) -> Task[..., Any]:
        marked: Task[..., Any] | None = self._marked.get(task)
        if marked is None:
            marked = self._marked[task] = task.with_options(Fires())
        return marked


def _only(task: Task[..., Any], triggers: list[Trigger]) -> Trigger:
    if len(triggers) > 1:
        raise ScheduleError(
            f"task {task.name!r} has {len(triggers)} triggers, and add(task) takes one.\n"
            f"Say which: add(task, trigger). Scheduling(task) takes them all."
        )
    return triggers[0]


def _refuse_in_event_loop() -> None:
    import asyncio

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise ScheduleError(
        "serve() was called in an event loop, which would stand still until it returns.\n"
        "There, start() runs the schedule in a thread of its own, and stop() ends it."
    )
