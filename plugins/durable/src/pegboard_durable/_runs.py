"""Beginning runs, taking them up again, and keeping the right to them."""

from __future__ import annotations

import re
import uuid
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import attrs

from pegboard import Suspended
from pegboard.parts import Periodic, after_fork
from pegboard_durable._codec import decode, decode_error, digest_of, encode, encode_error
from pegboard_durable._errors import (
    DurableError,
    Fenced,
    InvalidRunId,
    JournalDiverged,
    RunCancelled,
    RunNotResumable,
    UnknownRun,
    UnknownTask,
)
from pegboard_durable._execution import Execution, Settings
from pegboard_durable._layer import NOT_OUTCOMES
from pegboard_durable._owner import Owner
from pegboard_durable._records import OVER, Claim, Run, RunRow, Status
from pegboard_durable._tasks import TASKS, fingerprint_of, name_of

if TYPE_CHECKING:
    from pegboard import Call, Task
    from pegboard.clock import Clock
    from pegboard.layers import Proceed
    from pegboard_durable._layer import DurableCalls
    from pegboard_durable.journal.journal import Journal

_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_MOST = 64 * 1024 * 1024


@attrs.define
class Request:
    """What the next call of a durable task is to be: a run of this id.

    Attributes:
        run_id: The id.
        has_begun: Whether the run got so far that its outcome counts.
    """

    run_id: str
    has_begun: bool = False


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
        max_recoveries: How often a run is taken up again after its process died.
        settings: What all runs have in common.
    """

    def __init__(self, journal: Journal, lease: float, max_recoveries: int, settings: Settings) -> None:
        self._journal = journal
        self._lease = lease
        self._max_recoveries = max_recoveries
        self._settings = settings
        self._executions: dict[str, Execution] = {}
        self._heart = Periodic("pegboard-durable-leases", self._beat, lease / 3)
        self._begin_anew()
        after_fork(self._begin_anew)

    def _begin_anew(self) -> None:
        """Begin without a run, in a forked child too: those are its parent's."""
        self.owner = Owner.here()
        for execution in self._executions.values():
            execution.fault = Fenced(
                f"run {execution.run_id!r} goes on in the process that this one was forked from"
            )
        self._executions = {}

    def end(self) -> None:
        """End what keeps the leases."""
        self._heart.stop()

    # What the layer of a durable task calls for a call outside of any run.

    async def run(self, call: Call, proceed: Proceed, durable: DurableCalls) -> Any:
        """Make a call a run, or answer with what is recorded of it."""
        request = REQUEST.get() or Request(uuid.uuid4().hex)
        REQUEST.set(None)
        opened = await call.io(self._open, call, request)
        if not isinstance(opened, Execution):
            call.source = "journal"
            if opened.error is not None:
                raise opened.error
            return opened.value
        request.has_begun = True
        return await self._execute(call, proceed, durable, opened)

    async def _execute(
        self, call: Call, proceed: Proceed, durable: DurableCalls, execution: Execution
    ) -> Any:
        finish = self._finish
        try:
            value = await durable.run_root(call, proceed, execution)
            execution.refuse_fault()
            data = encode(value, task=call.task.name, most=_MOST)
            await call.io(finish, execution, Status.DONE, data, "returned")
        except RunCancelled:
            finish(execution, *_ending(execution, Status.CANCELLED, None, "asked to"))
            raise
        except Suspended as suspended:
            self._leave(execution, Status.SUSPENDED, execution.wake, str(suspended))
            raise
        except Exception as error:
            if execution.fault is not None:
                raise execution.fault from (None if execution.fault is error else error)
            status = Status.ATTENTION if isinstance(error, NOT_OUTCOMES) else Status.FAILED
            finish(execution, *_ending(execution, status, encode_error(error), type(error).__name__))
            raise
        except BaseException as error:
            if execution.fault is None:  # no outcome: it can be resumed
                self._leave(execution, Status.PENDING, 0.0, type(error).__name__)
            raise
        else:
            return value
        finally:
            self._executions.pop(execution.run_id, None)

    def _open(self, call: Call, request: Request) -> Execution | Run[Any]:
        task, clock = call.task, call.session.clock
        digest = digest_of(call.args, call.kwargs)
        new = RunRow(
            id=request.run_id,
            task=name_of(task),
            input=encode((call.args, call.kwargs), task=task.name, most=_MOST),
            digest=digest,
            fingerprint=fingerprint_of(task),
            status=Status.RUNNING,
            created_at=clock.time(),
            ended_at=None,
            not_before=0.0,
            owner=str(self.owner),
            epoch=1,
            lease_until=clock.time() + self._lease,
            recoveries=0,
            cancel_asked=False,
            result=None,
        )
        found = self._journal.create(new, str(self.owner))
        if found is new:
            return self._begin(Claim(new.id, new.owner, new.epoch), False, clock, {})
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
        return self.take_up(found, clock)

    def take_up(self, row: RunRow, clock: Clock) -> Execution:
        """Go on with a run that is not over.

        Raises:
            RunNotResumable: Another process works on it, or a person has to look at it first.
        """
        now = clock.time()
        if not self.is_free(row, now):
            raise RunNotResumable(
                f"run {row.id!r} is {row.status}"
                + (
                    f", and {row.owner} works on it."
                    if row.status is Status.RUNNING
                    else " and wants a look first."
                ),
                run_id=row.id,
                status=str(row.status),
            )
        recovered = row.status is Status.RUNNING
        if recovered and row.recoveries >= self._max_recoveries:
            self._journal.set_status(
                row, Status.STUCK, now=now, by=str(self.owner), why="ended its process each time"
            )
            raise RunNotResumable(
                f"run {row.id!r} is STUCK: its process died {row.recoveries + 1} times.\n"
                f"Find out why, and begin it again with `pegboard durable retry {row.id}`.",
                run_id=row.id,
                status="STUCK",
            )
        claim = self._journal.claim(row, str(self.owner), now=now, lease=self._lease, recovered=recovered)
        if claim is None:
            raise RunNotResumable(
                f"run {row.id!r} was taken up by another process.", run_id=row.id, status="RUNNING"
            )
        return self._begin(claim, row.cancel_asked, clock, self._journal.steps(row.id), row.fingerprint)

    def is_free(self, row: RunRow, now: float) -> bool:
        """Whether nobody works on a run that can go on."""
        if row.status in (Status.PENDING, Status.SUSPENDED):
            return True
        if row.status is not Status.RUNNING:
            return False
        owner = Owner.parse(row.owner)
        # A lease that ends later than any could: the clock was set back since.
        over = not now < row.lease_until <= now + 2 * self._lease
        return over or owner is None or owner.is_dead(self.owner)

    def _begin(
        self,
        claim: Claim,
        is_cancelled: bool,
        clock: Clock,
        records: dict[str, Any],
        fingerprint: str = "",
    ) -> Execution:
        execution = Execution(self._journal, claim, records, clock, self._settings)
        execution.fingerprint = fingerprint
        if is_cancelled:
            execution.cancel()
        self._executions[claim.run] = execution
        self._heart.start()
        return execution

    def _finish(self, execution: Execution, status: Status, result: bytes | None, why: str) -> None:
        self._journal.finish(execution.claim, status, result, now=execution.clock.time(), why=why)

    def _leave(self, execution: Execution, status: Status, not_before: float, why: str) -> None:
        now = execution.clock.time()
        self._journal.leave(execution.claim, status, now=now, not_before=not_before, why=why)

    def _beat(self) -> None:
        for execution in list(self._executions.values()):
            if not self._journal.renew(execution.claim, execution.clock.time() + self._lease):
                execution.fault = Fenced(f"run {execution.run_id!r} was taken over by another process")

    # What the plugin's methods call.

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


def run_of(row: RunRow) -> Run[Any]:
    """Make a run of its row."""
    is_done, has_failed = row.status is Status.DONE, row.result is not None
    data = row.result if row.result is not None else b""
    return Run(
        id=row.id,
        task=row.task,
        status=row.status,
        value=decode(data) if is_done else None,
        error=decode_error(data) if has_failed and not is_done else None,
        created_at=row.created_at,
        ended_at=row.ended_at,
        recoveries=row.recoveries,
    )


def _ending(
    execution: Execution, status: Status, result: bytes | None, why: str
) -> tuple[Status, bytes | None, str]:
    """Tell how a run ends: with what went wrong in taking it back, if something did."""
    failed = execution.undo_failed
    if failed is None:
        return status, result, why
    return Status.UNDO_FAILED, encode_error(failed), type(failed).__name__


def failed_with(error: BaseException | None, request: Request) -> None:
    """Raise what kept a run from beginning, or from being recorded: it is no outcome of it."""
    if isinstance(error, DurableError) and not request.has_begun:
        raise error
