"""The plugin: a journal, and the runs in it."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import uuid
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeGuard, TypeVar, overload

from pegboard import BindError, Suspended, Task, current_session, hookimpl
from pegboard.errors import SessionError
from pegboard.parts import checks, new_rlock, stopping
from pegboard_durable import hookspecs
from pegboard_durable._codec import encode
from pegboard_durable._errors import (
    DurableError,
    InRun,
    JournalCorrupt,
    RunCancelled,
    RunNotResumable,
    UnknownRun,
    UnknownTask,
)
from pegboard_durable._execution import Settings
from pegboard_durable._figures import show_runs
from pegboard_durable._layer import DurableCalls
from pegboard_durable._option import Durable
from pegboard_durable._plain import PlainCalls
from pegboard_durable._position import POSITION
from pegboard_durable._records import OVER, Run, Status
from pegboard_durable._recovery import Recovery
from pegboard_durable._runs import REQUEST, Request, Runs, checked_id, failed_with, run_of
from pegboard_durable._tasks import TASKS
from pegboard_durable.journal.faults import old_sqlite
from pegboard_durable.journal.journal import Journal
from pegboard_durable.journal.sealing import Key, Seal

if TYPE_CHECKING:
    from pegboard import Group, Session, TaskResult
    from pegboard_durable._records import RunRow
    from pegboard_durable._replaying import Replay

R = TypeVar("R")
_SECONDS = checks.seconds(above=0)
_NOT_NEGATIVE = checks.seconds()
_WHOLE = checks.whole(least=0)
_FLAG = checks.flag()
_SCHEMA = checks.text().or_none("that of the database's user")
_MOST = 16 * 1024 * 1024
_UNFINISHED = (Status.PENDING, Status.RUNNING, Status.SUSPENDED)
_TO_RETRY = (Status.FAILED, Status.STUCK, Status.ATTENTION, Status.UNDO_FAILED)
_log = logging.getLogger("pegboard.durable")


class Durability:
    """Keeps a journal of durable runs, so that they go on where they were after their process was killed.

    One instance may serve several sessions, and several instances and processes one journal.

    Args:
        url: Where the journal is: `sqlite:///journal.db`, or a database of PostgreSQL. A file that is missing is made, with mode
            0600, and so is its folder, with 0700.
        lease: Seconds after which a run whose process shows no life may be taken over by another one.
        grace: Seconds that the steps that run have when their session drains, as by SIGTERM.
        recover: Whether a session that starts takes up the runs whose processes died, in a thread of its own.
        max_recoveries: How often; then the run is STUCK.
        suspend_after: A `sleep` of more seconds than these suspends its run.
        services: What `call` finds, by name: an object, or a mapping, of functions that take one argument.
        strict: Whether what is recorded, and a resumed run does not do any more, is an error; else it is an event.
        strict_version: Whether a run whose code was edited since is set aside instead of going on.
        key: Encrypts arguments, results, errors and signals, of which it may be several: the first encrypts, all decrypt. A Fernet key of
            the library cryptography; without one no `sensitive` task can be recorded.
        schema: Of the tables, in PostgreSQL; None for that of the database's user.
        create: Whether a file and tables that are missing are made.
        keep: Seconds that runs which are over stay in the journal; None for ever. A session that starts deletes those beyond.

    Raises:
        ConfigError: The address cannot be read, or is of a database that keeps no journals.
        TypeError, ValueError: A number is none, or out of range.
    """

    name = "durable"
    hookspecs = hookspecs

    def __init__(
        self,
        url: str = "sqlite:///pegboard.db",
        *,
        lease: float = 30.0,
        grace: float = 20.0,
        recover: bool = False,
        max_recoveries: int = 5,
        suspend_after: float = 60.0,
        services: Mapping[str, Any] | None = None,
        strict: bool = False,
        strict_version: bool = False,
        key: Key | Sequence[Key] | None = None,
        schema: str | None = None,
        create: bool = True,
        keep: float | None = None,
    ) -> None:
        seal = Seal(key)
        self._encrypts = seal.encrypts
        self._journal = Journal(
            url,
            create=_FLAG.check("create", create, owner="Durability"),
            schema=_SCHEMA.check("schema", schema, owner="Durability"),
            seal=seal,
        )
        self._runs = Runs(
            self._journal,
            lease=_SECONDS.check("lease", lease, owner="Durability"),
            grace=_NOT_NEGATIVE.check("grace", grace, owner="Durability"),
            max_recoveries=_WHOLE.check("max_recoveries", max_recoveries, owner="Durability"),
            settings=Settings(
                suspend_after=_SECONDS.check("suspend_after", suspend_after, owner="Durability"),
                strict=_FLAG.check("strict", strict, owner="Durability"),
                strict_version=_FLAG.check("strict_version", strict_version, owner="Durability"),
                services=_services(services),
                encrypts=seal.encrypts,
            ),
        )
        self._keep = None if keep is None else _NOT_NEGATIVE.check("keep", keep, owner="Durability")
        self._recovery = Recovery(self) if _FLAG.check("recover", recover, owner="Durability") else None
        self._guard = new_rlock()
        self._sessions = 0

    def __repr__(self) -> str:
        return f"Durability({self._journal.address!r})"

    @property
    def journal(self) -> Journal:
        """Where the runs are recorded."""
        return self._journal

    @classmethod
    def doctor_warnings(cls) -> list[str]:
        """Tell what is to be known of the SQLite here."""
        return old_sqlite(sqlite3.sqlite_version_info)

    @hookimpl
    def session_start(self, session: Session) -> None:
        """Open the journal: without it nothing is to run."""
        self._journal.open()
        with self._guard:
            self._sessions += 1
        self._runs.session = session
        show_runs(session, self._journal)
        if self._keep is not None:
            self.gc(self._keep)
        if self._recovery is not None:
            self._recovery.begin(session)

    @hookimpl
    def bind(self, session: Session, task: Task[..., Any]) -> object:
        """Put the journal around a durable task."""
        option = task.option(Durable)
        if option is None:
            plain = PlainCalls(
                session, task, self._runs, Durability, may_be_recorded=self._encrypts or not task.sensitive
            )
            return [*plain.layers(), plain]
        option.check(task)
        if task.sensitive and not self._encrypts:
            raise _refusal(task)
        calls = DurableCalls(session, task, option, self._runs, Durability)
        return [*calls.layers(), calls]

    @hookimpl
    def before_group(self, group: Group) -> None:
        """Name a group of a run, for the keys of what is called in it."""
        position = POSITION.get()
        if position is not None:
            position.begin_group(group)

    @hookimpl
    def session_draining(self, session: Session) -> None:
        """Give the steps that run their grace; no others begin."""
        self._runs.drain(session)

    @hookimpl
    def session_end(self, session: Session) -> None:
        """Give back what still runs, and close the journal with the last session."""
        if self._recovery is not None:
            self._recovery.end(session)
        self._runs.let_go_of(session)
        with self._guard:
            self._sessions -= 1
            is_last = not self._sessions
        if is_last:
            self._runs.end()
            self._journal.close()

    # Running.

    @overload
    def run(
        self,
        task: Callable[..., Coroutine[Any, Any, R]],
        /,
        *args: Any,
        run_id: str | None = None,
        **kwargs: Any,
    ) -> Run[R]: ...
    @overload
    def run(
        self, task: Callable[..., R], /, *args: Any, run_id: str | None = None, **kwargs: Any
    ) -> Run[R]: ...
    def run(self, task: Any, /, *args: Any, run_id: str | None = None, **kwargs: Any) -> Run[Any]:
        """Run a task as a durable run, or return what an earlier run of that id came to.

        A run of that id that this process works on already, in another thread, is waited for.

        Args:
            task: With `Durable()`.
            args: Its arguments.
            run_id: Of the run: 1 to 128 characters of `A-Z a-z 0-9 . _ : -`; None makes one.
            kwargs: Its arguments by name.

        Returns:
            The run: done, failed, suspended, or, where another process works on it, running.

        Raises:
            JournalDiverged: There is a run of that id with another task or other arguments.
            JournalUnavailable: The journal cannot be used.
            InRun: It is called inside a run, where a call of a durable task is a step.
            SessionError: The session here is not one of this plugin's.
        """
        return self._go(task, args, kwargs, _new_request(run_id))

    @overload
    async def arun(
        self,
        task: Callable[..., Coroutine[Any, Any, R]],
        /,
        *args: Any,
        run_id: str | None = None,
        **kwargs: Any,
    ) -> Run[R]: ...
    @overload
    async def arun(
        self, task: Callable[..., R], /, *args: Any, run_id: str | None = None, **kwargs: Any
    ) -> Run[R]: ...
    async def arun(self, task: Any, /, *args: Any, run_id: str | None = None, **kwargs: Any) -> Run[Any]:
        """Do what `run` does, to be awaited."""
        return await self._ago(task, args, kwargs, _new_request(run_id))

    def resume(self, run_id: str) -> Run[Any]:
        """Go on with a run that is not over; one that is returns as it was.

        Raises:
            UnknownRun: There is none.
            UnknownTask: Its task is not loaded here.
            RunNotResumable: It is STUCK, and wants a look first.
        """
        row = self._runs.row(run_id)
        return run_of(row) if row.status in OVER else self._go(*self._to_resume(row))

    async def aresume(self, run_id: str) -> Run[Any]:
        """Do what `resume` does, to be awaited."""
        row = await self._runs.writer.run(self._runs.row, run_id)
        return run_of(row) if row.status in OVER else await self._ago(*self._to_resume(row))

    def _to_resume(self, row: RunRow) -> tuple[Any, tuple[Any, ...], dict[str, Any], Request]:
        if row.status is Status.STUCK:
            raise RunNotResumable(
                f"run {row.id!r} is STUCK, and wants a look first: `pegboard durable retry {row.id}` begins it again.",
                run_id=row.id,
                status=str(row.status),
            )
        return *self._runs.task_of(row), Request(row.id)

    def retry(self, run_id: str, *, from_step: str | None = None) -> Run[Any]:
        """Go on with a run that failed or is stuck: what failed runs again, what was recorded as done is kept.

        Args:
            run_id: The run.
            from_step: Key of a step that runs again though it is done, with all that began after it; so does what is around it.

        Raises:
            UnknownRun: There is none.
            UnknownStep: It has recorded no such step.
            RunNotResumable: It did not fail, or is still to be undone.
        """
        self._reopen(run_id, from_step)
        return self.resume(run_id)

    async def aretry(self, run_id: str, *, from_step: str | None = None) -> Run[Any]:
        """Do what `retry` does, to be awaited."""
        await self._runs.writer.run(self._reopen, run_id, from_step)
        return await self.aresume(run_id)

    def _reopen(self, run_id: str, from_step: str | None) -> None:
        row = self._runs.row(run_id)
        if row.status not in _TO_RETRY:
            raise RunNotResumable(
                f"run {run_id!r} is {row.status}: only one that failed, is stuck or wants attention is tried again.",
                run_id=run_id,
                status=str(row.status),
            )
        if from_step is not None and row.status is Status.UNDO_FAILED:
            raise RunNotResumable(
                f"run {run_id!r} is UNDO_FAILED, and goes on with its undos: none of its steps runs again.",
                run_id=run_id,
                status=str(row.status),
            )
        by, why = str(self._runs.owner), "retried" if from_step is None else f"retried from {from_step}"
        self._journal.reopen(row, now=self._runs.clock.time(), by=by, why=why, from_step=from_step)

    def recover(self) -> list[Run[Any]]:
        """Take up all runs whose processes died, and those that were suspended and are due, one after the other.

        A run whose task is not loaded here is set aside as ATTENTION, one whose process died too often as STUCK. One whose row is
        damaged is logged and left; the others go on.

        Returns:
            What they came to.
        """
        self._refuse_elsewhere("recover")
        found = (self.recover_one(run_id) for run_id in self.orphans())
        return [run for run in found if run is not None]

    async def arecover(self) -> list[Run[Any]]:
        """Do what `recover` does, to be awaited."""
        self._refuse_elsewhere("arecover")
        found: list[Run[Any]] = []
        for run_id in await self._runs.writer.run(self.orphans):
            try:
                found.append(await self.aresume(run_id))
            except DurableError as error:
                found += await self._runs.writer.run(self._not_recovered, run_id, error)
        return found

    def orphans(self) -> list[str]:
        """Return the ids of runs that nobody works on and that are due, the oldest first."""
        now = self._runs.clock.time()
        found: list[str] = []
        for run_id in self._journal.find(_UNFINISHED):
            try:
                row = self._runs.row(run_id)
            except JournalCorrupt as damage:
                _log.error("a run cannot be recovered: %s", damage)
                continue
            if self._runs.is_free(row, now) and row.not_before <= now:
                found.append(run_id)
        return found

    def recover_one(self, run_id: str) -> Run[Any] | None:
        """Take up a run that `orphans` named; None if its row is damaged."""
        try:
            return self.resume(run_id)
        except DurableError as error:
            return next(iter(self._not_recovered(run_id, error)), None)

    def _not_recovered(self, run_id: str, error: DurableError) -> list[Run[Any]]:
        """Set a run aside that cannot be taken up, and return it; not where another process was faster."""
        if isinstance(error, JournalCorrupt):
            _log.error("a run cannot be recovered: %s", error)
            return []
        if isinstance(error, UnknownTask):
            by, now = str(self._runs.owner), self._runs.clock.time()
            self._journal.set_status(
                self._runs.row(run_id), Status.ATTENTION, now=now, by=by, why=str(error).split("\n", 1)[0]
            )
        elif not isinstance(error, RunNotResumable):
            raise error
        return [self.get(run_id)]

    # Replaying.

    def replay(self, run_id: str, *, check: bool = False) -> Replay:
        """Run a run's own code again with what is recorded of it, and tell whether it still does the same.

        No step runs, nothing is written, and it ends where new work would begin: for a test of a program that runs are under way of.

        Args:
            run_id: The run, whatever its status.
            check: Raise what was found.

        Raises:
            JournalDiverged: With `check`, the program does something else than was recorded, or less.
            UnknownRun: There is none.
            UnknownTask: Its task is not loaded here.
        """
        row, session = self._runs.row(run_id), self._refuse_elsewhere("replay")
        replayed = self._runs.replayed(row, session)
        task, args, kwargs = self._runs.task_of(row)
        token = REQUEST.set(Request(run_id, replayed=replayed))
        result: TaskResult[Any] | None = None
        try:
            result = task.run(*args, **kwargs)
        except (Suspended, RunCancelled):
            pass
        finally:
            REQUEST.reset(token)
        return _told(replayed.told(result), check=check)

    async def areplay(self, run_id: str, *, check: bool = False) -> Replay:
        """Do what `replay` does, to be awaited."""
        row, session = await self._runs.writer.run(self._runs.row, run_id), self._refuse_elsewhere("areplay")
        replayed = await self._runs.writer.run(self._runs.replayed, row, session)
        task, args, kwargs = self._runs.task_of(row)
        token = REQUEST.set(Request(run_id, replayed=replayed))
        result: TaskResult[Any] | None = None
        try:
            result = await task.arun(*args, **kwargs)
        except (Suspended, RunCancelled):
            pass
        finally:
            REQUEST.reset(token)
        return _told(replayed.told(result), check=check)

    # What is done to runs, and asked about them; in a session or outside of any.

    def cancel(self, run_id: str) -> Run[Any]:
        """Have a run end at its next step; one that nobody works on, at once.

        Where steps of such a one can be taken back, that is done here, if its task is loaded and the session is one of this plugin's;
        else by whoever resumes or recovers it.
        """
        return self.resume(run_id) if self._ask_cancel(run_id) else self.get(run_id)

    async def acancel(self, run_id: str) -> Run[Any]:
        """Do what `cancel` does, to be awaited."""
        is_to_go_on = await self._runs.writer.run(self._ask_cancel, run_id, self._serves_here())
        return await (self.aresume if is_to_go_on else self.aget)(run_id)

    def _ask_cancel(self, run_id: str, serves_here: bool | None = None) -> bool:
        """Note that a run is to end; whether it is to be taken up here for that."""
        row = self._journal.ask_cancel(checked_id(run_id))
        if row is None:
            raise self._unknown(run_id)
        here = self._runs.here(run_id)
        if here is not None:
            here.cancel()
            return False
        if row.status in OVER or row.status is Status.RUNNING:
            return False
        now, by = self._runs.clock.time(), str(self._runs.owner)
        if not any(step.kind == "undo" for step in self._journal.steps(run_id).values()):
            self._journal.set_status(row, Status.CANCELLED, now=now, by=by, why="asked to")
            return False
        self._journal.set_status(row, Status.PENDING, now=now, by=by, why="asked to be cancelled")
        serves = self._serves_here() if serves_here is None else serves_here
        return serves and POSITION.get() is None and TASKS.find(row.task) is not None

    def _serves_here(self) -> bool:
        session = current_session()
        return session is not None and self in session.plugins.values()

    def signal(self, run_id: str, name: str, value: Any = None, *, id: str | None = None) -> bool:  # noqa: A002
        """Send a signal to a run, which takes it at its `pause`, now or later.

        Args:
            run_id: Of the run.
            name: Of the signal.
            value: What it brings.
            id: Makes it idempotent: one of the same name and id is sent once.

        Returns:
            Whether it is a new one.

        Raises:
            UnknownRun: There is no such run.
            RunNotResumable: The run is over, and takes no signals any more.
        """
        row = self._runs.row(run_id)
        if row.status in OVER:
            raise RunNotResumable(
                f"run {run_id!r} is {row.status}, and takes no signals any more.",
                run_id=run_id,
                status=str(row.status),
            )
        data = encode(value, task=f"signal {name}", most=_MOST)
        now = self._runs.clock.time()
        return self._journal.put_signal(run_id, name, id or uuid.uuid4().hex, data, now=now)

    async def asignal(self, run_id: str, name: str, value: Any = None, *, id: str | None = None) -> bool:  # noqa: A002
        """Do what `signal` does, to be awaited."""
        return await self._runs.writer.run(lambda: self.signal(run_id, name, value, id=id))

    def get(self, run_id: str) -> Run[Any]:
        """Return a run.

        Raises:
            UnknownRun: There is none.
        """
        return run_of(self._runs.row(run_id))

    async def aget(self, run_id: str) -> Run[Any]:
        """Do what `get` does, to be awaited."""
        return await self._runs.writer.run(self.get, run_id)

    def runs(self, status: Status | str | None = None) -> list[Run[Any]]:
        """Return all runs, or those of a status, the oldest first."""
        return [run_of(row) for row in self._journal.rows(None if status is None else Status(status))]

    async def aruns(self, status: Status | str | None = None) -> list[Run[Any]]:
        """Do what `runs` does, to be awaited."""
        return await self._runs.writer.run(self.runs, status)

    def gc(self, keep: float = 0.0) -> int:
        """Delete runs that are over, and ended more than `keep` seconds ago, with all that is recorded of them.

        Returns:
            How many.
        """
        _NOT_NEGATIVE.check("keep", keep, owner="Durability.gc")
        return self._journal.forget(self._runs.clock.time() - keep)

    def migrate(self) -> int:
        """Bring the journal's tables to the version that this program needs; make those that are missing.

        Returns:
            That version.

        Raises:
            JournalVersion: They are of a later one.
        """
        return self._journal.migrate()

    # The rest is private.

    def _go(self, task: Any, args: tuple[Any, ...], kwargs: dict[str, Any], request: Request) -> Run[Any]:
        self._refuse_other(task, "run")
        here = self._runs.here(request.run_id)
        if here is not None:
            stopping.result_of(here.over)
        token = REQUEST.set(request)
        result: TaskResult[Any] | None = None
        try:
            result = task.run(*args, **kwargs)
        except (Suspended, RunCancelled):
            pass
        finally:
            REQUEST.reset(token)
        failed_with(result, request)
        return self.get(request.run_id)

    async def _ago(
        self, task: Any, args: tuple[Any, ...], kwargs: dict[str, Any], request: Request
    ) -> Run[Any]:
        self._refuse_other(task, "arun")
        here = self._runs.here(request.run_id)
        if here is not None:
            await asyncio.shield(asyncio.wrap_future(here.over))
        token = REQUEST.set(request)
        result: TaskResult[Any] | None = None
        try:
            result = await task.arun(*args, **kwargs)
        except (Suspended, RunCancelled):
            pass
        finally:
            REQUEST.reset(token)
        failed_with(result, request)
        return await self.aget(request.run_id)

    def _refuse_other(self, task: Any, what: str) -> None:
        """Refuse what would be no run of this journal."""
        session = self._refuse_elsewhere(what)
        found = getattr(task, "__func__", task)  # a method's
        options: tuple[object, ...] = (*found.options, *session.defaults) if _is_task(found) else ()
        is_durable = any(isinstance(each, Durable) for each in options)
        if not is_durable:
            raise TypeError(
                f"Durability.{what}() takes a task with Durable(), not {checks.shown(task)}: write @task(Durable())."
            )

    def _refuse_elsewhere(self, what: str) -> Session:
        if POSITION.get() is not None:
            raise InRun(
                f"Durability.{what}() is called inside a run, where a call of a durable task is a step.\nCall the task itself.",
                what=what,
            )
        session = current_session()
        if session is None or all(each is not self for each in session.plugins.values()):
            raise SessionError(
                f"Durability.{what}() is called outside of its session, where its runs would not be recorded.\n"
                f"Call it in `with Session(durability): ...`."
            )
        return session

    def _unknown(self, run_id: str) -> UnknownRun:
        return UnknownRun(f"there is no run {run_id!r} in {self._journal.address}.", run_id=run_id)


def _is_task(found: object) -> TypeGuard[Task[..., Any]]:
    return isinstance(found, Task)


def _new_request(run_id: str | None) -> Request:
    return Request(uuid.uuid4().hex if run_id is None else checked_id(run_id))


def _told(replay: Replay, *, check: bool) -> Replay:
    if check:
        replay.raise_divergence()
    return replay


def _services(given: Any) -> Mapping[str, Any]:
    services = {} if given is None else given
    if not isinstance(services, Mapping) or not all(isinstance(name, str) for name in services):
        raise TypeError(
            f"Durability: services is a mapping of names to objects, not {checks.shown(given)}: "
            "Durability(services={'billing': billing})."
        )
    return dict(services)


def _refusal(task: Task[..., Any]) -> BindError:
    return BindError(
        f"task {task.name!r} is sensitive, and Durable() would write its arguments and results to the journal as they are.\n"
        f"Take one of the two off, or have the journal encrypt what it holds: Durability(url, key=...).",
        plugin="durable",
        task=task.name,
    )
