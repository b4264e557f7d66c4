"""Beginning runs, taking them up again, and keeping the right to them."""

from __future__ import annotations

import contextlib
import functools
import re
import threading
import uuid
import weakref
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar, cast

import attrs

from pegboard import Suspended
from pegboard.clock import SYSTEM_CLOCK
from pegboard.parts import Periodic, after_fork, new_rlock
from pegboard.parts.stopping import is_cancellation
from pegboard_durable._codec import decode, decode_error, digest_of, encode, encode_error
from pegboard_durable._errors import (
    DurableError,
    Fenced,
    InvalidRunId,
    JournalDiverged,
    JournalSealed,
    RunCancelled,
    RunNotResumable,
    UnknownRun,
    UnknownTask,
)
from pegboard_durable._execution import Execution, Settings
from pegboard_durable._figures import Figures
from pegboard_durable._layer import NOT_OUTCOMES
from pegboard_durable._owner import Owner
from pegboard_durable._records import NEVER, OVER, Claim, Run, RunRow, Status
from pegboard_durable._replaying import ReplayedExecution
from pegboard_durable._tasks import TASKS, fingerprint_of, name_of
from pegboard_durable.journal.journal import Journal, fenced
from pegboard_durable.journal.sealing import refuse_sealed
from pegboard_durable.journal.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from pegboard import Call, Session, Task, TaskResult
    from pegboard.clock import Clock
    from pegboard.layers import Proceed
    from pegboard_durable._layer import DurableCalls
    from pegboard_durable._records import Step

T = TypeVar("T")

_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_MOST = 64 * 1024 * 1024


@attrs.define
class Request:
    """What the next call of a durable task is to be: a run of this id.

    Attributes:
        run_id: The id.
        has_begun: Whether the run got so far that its outcome counts.
        fault: What kept the outcome from being recorded.
        replayed: A run that is only replayed.
    """

    run_id: str
    has_begun: bool = False
    fault: BaseException | None = None
    replayed: ReplayedExecution | None = None


REQUEST: ContextVar[Request | None] = ContextVar("pegboard_durable_request", default=None)


def checked_id(run_id: object) -> str:
    """Return an id of a run.

    Raises:
        InvalidRunId: It is none.
    """
    if not isinstance(run_id, str) or not _ID.fullmatch(run_id):
        raise InvalidRunId(
            f"{run_id!r} is no id of a run: 1 to 128 characters of A-Z a-z 0-9 . _ : and -.",
            run_id=str(run_id),
        )
    return run_id


class Runs:
    """The runs of one journal, as this process sees them.

    Args:
        journal: The journal.
        lease: Seconds that a run is this process's without a sign of life.
        grace: Seconds that steps which run have when their session drains.
        max_recoveries: How often a run is taken up again after its process died.
        settings: What all runs have in common.

    Attributes:
        owner: This process.
        session: The one that began last.
        writer: Writes for coroutines.
    """

    def __init__(
        self, journal: Journal, *, lease: float, grace: float, max_recoveries: int, settings: Settings
    ) -> None:
        self.session: Session | None = None
        self.writer = Writer(journal)
        self._journal = journal
        self._lease = lease
        self._grace = grace
        self._max_recoveries = max_recoveries
        self._settings = settings
        self._executions: dict[str, Execution] = {}
        self._figures: weakref.WeakKeyDictionary[Session, Figures] = weakref.WeakKeyDictionary()
        self._heart = Periodic("pegboard-durable-leases", self._beat, lease / 3)
        self._begin_anew()
        after_fork(self._begin_anew)

    @property
    def clock(self) -> Clock:
        """The clock of the session that began last; a plugin may have changed it since."""
        return SYSTEM_CLOCK if self.session is None else self.session.clock

    def figures(self, session: Session) -> Figures:
        """Return what a session measures of its runs."""
        found = self._figures.get(session)
        if found is None:
            found = self._figures[session] = Figures(session)
        return found

    def _begin_anew(self) -> None:
        """Begin without a run, in a forked child too: those are its parent's."""
        self._guard = new_rlock()
        self._timers: list[threading.Timer] = []
        self.owner = Owner.here()
        for execution in self._executions.values():
            execution.fault = Fenced(
                f"run {execution.run_id!r} goes on in the process that this one was forked from"
            )
        self._executions = {}

    def end(self) -> None:
        """Give back what is still begun, and end the threads."""
        self._let_go(list(self._executions.values()), "its session ended")
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self._heart.stop()
        self.writer.end()

    def let_go_of(self, session: Session) -> None:
        """Give back what still goes on in a session that ends."""
        self._let_go(
            [each for each in self._executions.values() if each.session is session], "its session ended"
        )

    def drain(self, session: Session) -> None:
        """Have the runs of a session end after the steps that run, which have the grace for that."""
        going_on = [each for each in self._executions.values() if each.session.is_inside(session)]
        if going_on:
            timer = threading.Timer(self._grace, self._let_go, (going_on, "its session drained"))
            timer.name, timer.daemon = "pegboard-durable-grace", True
            self._timers.append(timer)
            timer.start()

    def _let_go(self, executions: Sequence[Execution], why: str) -> None:
        """Give runs back, whatever they do: what they do from now on is not recorded."""
        for execution in executions:
            if not execution.over.done():
                with contextlib.suppress(
                    DurableError, Fenced
                ):  # then it is another's, or will be when its lease is over
                    self._leave(execution, Status.PENDING, 0.0, why)
                execution.end(Fenced(f"run {execution.run_id!r} was given back: {why}"))

    # What the layer of a durable task calls for a call outside of any run.

    async def run(self, call: Call, proceed: Proceed, durable: DurableCalls) -> Any:
        """Make a call a run, or answer with what is recorded of it."""
        request = REQUEST.get() or Request(uuid.uuid4().hex)
        REQUEST.set(None)
        if request.replayed is not None:
            return await durable.run_root(call, proceed, request.replayed)
        opened = await self._io(call, self._open, call, request)
        request.has_begun = True
        if not isinstance(opened, Execution):
            call.source = "journal"
            if opened.error is not None:
                raise opened.error
            return opened.value
        try:
            return await self._execute(call, proceed, durable, opened)
        finally:
            request.fault = opened.fault
            self._executions.pop(opened.run_id, None)
            opened.over.set_result(None)

    def _io(self, call: Call, function: Callable[..., T], *args: Any) -> Awaitable[T]:
        """Use the journal: in a coroutine, in the thread that writes for those."""
        return cast(
            "Awaitable[T]", call.io(function, *args, afn=functools.partial(self.writer.run, function))
        )

    async def _execute(
        self, call: Call, proceed: Proceed, durable: DurableCalls, execution: Execution
    ) -> Any:
        """Run a run to its end, its suspension, or to what ends it in this process alone."""
        try:
            value = await durable.run_root(call, proceed, execution)
            execution.refuse_fault()
            data = encode(value, task=call.task.name, most=_MOST)
        except BaseException as error:
            if execution.fault is not None:  # whatever was made of it
                raise execution.fault from (None if execution.fault is error else error)
            await self._close(call, execution, error)
            raise
        await self._io(call, self._finish, execution, Status.DONE, data, "returned")
        return value

    async def _close(self, call: Call, execution: Execution, error: BaseException) -> None:
        """Note how a run left, by what left it."""
        failed = execution.undo_failed
        if failed is not None:
            data, why = execution.encode_error(failed), type(failed).__name__
            await self._io(call, self._finish, execution, Status.UNDO_FAILED, data, why)
        elif isinstance(error, Exception):
            is_refused = isinstance(error, NOT_OUTCOMES)
            status = Status.ATTENTION if is_refused else Status.FAILED
            await self._io(
                call, self._finish, execution, status, execution.encode_error(error), type(error).__name__
            )
        elif isinstance(error, RunCancelled):
            await self._io(call, self._finish, execution, Status.CANCELLED, None, "asked to")
        elif isinstance(error, Suspended) and not execution.is_drained:
            await self._io(call, self._leave, execution, Status.SUSPENDED, execution.wake, str(error))
        else:  # no outcome: it can be resumed
            with contextlib.suppress(DurableError, Fenced):  # what leaves is to leave
                if isinstance(error, Suspended) or is_cancellation(error):
                    await self._io(call, self._leave, execution, Status.PENDING, 0.0, _why(error))
                else:  # a coroutine that is left by these can wait for nothing any more
                    self._leave(execution, Status.PENDING, 0.0, _why(error))

    def _open(self, call: Call, request: Request) -> Execution | Run[Any]:
        """Begin a run, take one up, or return one that is over."""
        with (
            self._guard
        ):  # one at a time: a row that says it is this process's is then that of an execution, or of none
            return self._opened(call, request)

    def _opened(self, call: Call, request: Request) -> Execution | Run[Any]:
        task: Any = call.task
        now = call.session.clock.time()
        digest = digest_of(call.args, call.kwargs)
        new = RunRow(
            id=request.run_id,
            task=name_of(task),
            input=encode((call.args, call.kwargs), task=task.name, most=_MOST),
            digest=digest,
            fingerprint=fingerprint_of(task),
            status=Status.RUNNING,
            created_at=now,
            started_at=now,
            owner=str(self.owner),
            epoch=1,
            lease=self._lease,
            lease_until=now + self._lease,
        )
        if call.session.is_draining:
            new = new._replace(status=Status.PENDING, started_at=None, owner="", epoch=0, lease_until=0.0)
        found = self._journal.create(new, str(self.owner))
        if found is new and new.status is Status.RUNNING:
            claim = Claim(new.id, new.owner, new.epoch)
            return self._begin(claim, task.name, call.session, {}, is_cancelled=False)
        if found.task != new.task or (found.digest and digest and found.digest != digest):
            raise JournalDiverged(
                f"run {found.id!r} is one of {found.task} with other arguments, and not of this call of {new.task}.\n"
                f"An id stands for one run: give this one another.",
                run_id=found.id,
                key="",
                recorded=found.digest,
                now=digest,
            )
        if found.status in OVER:
            return run_of(found)
        if call.session.is_draining:
            raise Suspended(
                f"run {found.id!r} is recorded, and begins when it is resumed: the session drains"
            )
        return self._take_up(found, task.name, call.session)

    def _take_up(self, row: RunRow, task: str, session: Session) -> Execution:
        """Go on with a run that nobody works on."""
        now = session.clock.time()
        if not self.is_free(row, now):
            raise _not_free(row)
        recovered = row.status is Status.RUNNING and row.owner != str(self.owner)
        if recovered and row.recoveries >= self._max_recoveries:
            why = f"its process died {row.recoveries + 1} times"
            self._journal.set_status(row, Status.STUCK, now=now, by=str(self.owner), why=why)
            self.figures(session).ended(task, Status.STUCK)
            raise RunNotResumable(
                f"run {row.id!r} is STUCK: {why}.\n"
                f"Find out why, and begin it again with `pegboard durable retry {row.id}`.",
                run_id=row.id,
                status="STUCK",
            )
        claim = self._journal.claim(row, str(self.owner), now=now, lease=self._lease, recovered=recovered)
        if claim is None:
            raise RunNotResumable(
                f"run {row.id!r} was taken up by another process.", run_id=row.id, status="RUNNING"
            )
        return self._begin(
            claim,
            task,
            session,
            self._journal.steps(row.id),
            is_cancelled=row.cancel_asked,
            fingerprint=row.fingerprint,
        )

    def is_free(self, row: RunRow, now: float) -> bool:
        """Whether nobody works on a run that can go on."""
        if row.status in (Status.PENDING, Status.SUSPENDED, Status.ATTENTION):
            return True
        if row.status is not Status.RUNNING:
            return False
        if row.owner == str(self.owner):  # and its outcome could not be recorded
            return row.id not in self._executions
        owner = Owner.parse(row.owner)
        # A lease that ends later than any could: the clock was set back since.
        over = not now < row.lease_until <= now + 2 * row.lease
        return over or owner is None or owner.is_dead(self.owner)

    def _begin(
        self,
        claim: Claim,
        task: str,
        session: Session,
        records: dict[str, Step],
        *,
        is_cancelled: bool,
        fingerprint: str = "",
    ) -> Execution:
        execution = Execution(
            self._journal,
            self.writer,
            claim,
            records,
            session,
            lease=self._lease,
            settings=self._settings,
            fingerprint=fingerprint,
            task=task,
            figures=self.figures(session),
        )
        if is_cancelled:
            execution.cancel()
        self._executions[claim.run] = execution
        self._heart.start()
        return execution

    def _finish(self, execution: Execution, status: Status, result: bytes | None, why: str) -> None:
        execution.write()
        with execution.noting_faults():
            self._journal.finish(execution.claim, status, result, now=execution.clock.time(), why=why)
        execution.figures.ended(execution.task, status)

    def _leave(self, execution: Execution, status: Status, not_before: float, why: str) -> None:
        execution.write()
        now = execution.clock.time()
        with execution.noting_faults():
            looked_at = execution.looked_at if status is Status.SUSPENDED else NEVER
            self._journal.leave(
                execution.claim, status, now=now, not_before=not_before, why=why, looked_at=looked_at
            )

    def _beat(self) -> None:
        """Keep the leases."""
        held = {each.claim: each for each in list(self._executions.values()) if each.fault is None}
        if not held:
            return
        for lost in self._journal.renew(list(held), self.clock.time() + self._lease):
            if not held[lost].over.done():
                held[lost].end(fenced(lost))
                held[lost].figures.leases_lost.add()
        by_id = {each.run_id: each for each in held.values()}
        for run_id in self._journal.to_cancel(list(by_id)):
            by_id[run_id].cancel()

    # What the plugin's methods call.

    def replayed(self, row: RunRow, session: Session) -> ReplayedExecution:
        """Make a run that is only replayed."""
        return ReplayedExecution(
            self._journal,
            self.writer,
            Claim(row.id, "", row.epoch),
            self._journal.steps(row.id),
            session,
            lease=self._lease,
            settings=self._settings,
            task=row.task,
            figures=self.figures(session),
            fingerprint=row.fingerprint,
        )

    def here(self, run_id: str) -> Execution | None:
        """Return what this process does for a run, or None."""
        return self._executions.get(run_id)

    def row(self, run_id: str) -> RunRow:
        """Return a run.

        Raises:
            UnknownRun: There is none of that id.
        """
        found = self._journal.get(checked_id(run_id))
        if found is None:
            raise UnknownRun(f"there is no run {run_id!r} in {self._journal.address}.", run_id=run_id)
        return found

    def task_of(self, row: RunRow) -> tuple[Task[..., Any], tuple[Any, ...], dict[str, Any]]:
        """Return a run's task and arguments.

        Raises:
            UnknownTask: It is not loaded here.
        """
        task = TASKS.find(row.task)
        if task is None:
            raise UnknownTask(
                f"run {row.id!r} is one of {row.task}, which no module has that this process has loaded.\n"
                f"Import the module of the task first; nothing is imported on behalf of a journal.",
                run_id=row.id,
                task=row.task,
            )
        args, kwargs = decode(row.input)
        return task, args, kwargs


def _why(error: BaseException) -> str:
    return str(error) if isinstance(error, Suspended) else type(error).__name__


def _not_free(row: RunRow) -> RunNotResumable:
    works = f", and {row.owner} works on it." if row.status is Status.RUNNING else " and wants a look first."
    return RunNotResumable(f"run {row.id!r} is {row.status}{works}", run_id=row.id, status=str(row.status))


def run_of(row: RunRow) -> Run[Any]:
    """Make a run of its row."""
    is_done, has_failed = row.status is Status.DONE, row.status is not Status.DONE
    data = row.result if row.result is not None else b""
    try:
        refuse_sealed(data)
    except JournalSealed as sealed:
        is_done, has_failed, data = False, True, encode_error(sealed)
    return Run(
        id=row.id,
        task=row.task,
        status=row.status,
        value=decode(data) if is_done else None,
        error=decode_error(data) if has_failed and data else None,
        created_at=row.created_at,
        ended_at=row.ended_at,
        recoveries=row.recoveries,
    )


def failed_with(result: TaskResult[Any] | None, request: Request) -> None:
    """Raise what kept a run from beginning, or from being recorded: it is no outcome of it."""
    if request.fault is not None:
        raise request.fault
    error = None if result is None else result.error
    if error is not None and not request.has_begun and not isinstance(error, RunNotResumable):
        raise error
