"""A run that goes on in this process, and where in it the running code is."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Generator
from concurrent.futures import Future
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from pegboard import Suspended, current_call
from pegboard.parts import new_rlock
from pegboard.parts.contexts import context_manager
from pegboard_durable._errors import (
    Fenced,
    JournalCorrupt,
    JournalUnavailable,
    NotInRun,
    RunCancelled,
    TransactionMisused,
)
from pegboard_durable._records import NEVER, Step, StepKind, StepStatus
from pegboard_durable.journal.journal import Append

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from sqlalchemy import Connection

    from pegboard import Call, Group, Session
    from pegboard_durable._records import Claim
    from pegboard_durable._transaction import StepTransaction
    from pegboard_durable.journal.journal import Journal
    from pegboard_durable.journal.writer import Writer

_WRITERS = frozenset(("sleep", "asleep", "pause", "apause", "checkpointed"))
SOON = 0.05  # seconds that an outcome may wait for others to be committed with


class Execution:
    """A run that this process works on.

    Attributes:
        run_id: Of the run.
        journal: Where it is recorded.
        claim: The right to write for it.
        records: What is recorded of it, by key; kept up to date.
        session: The one that the run was begun or resumed in.
        clock: The session's.
        suspend_after: A sleep of more seconds than these suspends the run.
        values: What the run keeps in `state`.
        wake: When a suspended run is to go on, seconds since the epoch.
        looked_at: When it last looked for signals, seconds since the epoch.
        fault: What ended the run in this process, though not its work: each later step raises it, too.
        is_drained: Whether the run stopped because its session drains.
        over: Set when this process works on it no more.
    """

    def __init__(
        self,
        journal: Journal,
        writer: Writer,
        claim: Claim,
        records: dict[str, Step],
        session: Session,
        *,
        lease: float,
        suspend_after: float,
    ) -> None:
        self.run_id = claim.run
        self.claim = claim
        self.records = records
        self.session = session
        self.clock = session.clock
        self.suspend_after = suspend_after
        self.values: dict[str, Any] = {}
        self.wake = self.looked_at = NEVER
        self.fault: BaseException | None = None
        self.is_drained = False
        self.over: Future[None] = Future()
        self.journal = journal
        self._writer = writer
        self._lease = lease
        self._renew_at = self.clock.time() + lease / 2
        self._is_cancelled = False
        self._batch: list[Step] = []
        self._kept = _kept_by_scope(records)
        self._guard = new_rlock()

    def check(self) -> None:
        """Raise what keeps the run from beginning a step.

        Raises:
            Fenced, JournalUnavailable, JournalCorrupt: As the first time.
            RunCancelled: Somebody asked for that.
            Suspended: The session drains.
        """
        self.refuse_fault()
        if self._is_cancelled:
            raise RunCancelled(f"run {self.run_id!r} was cancelled")
        if self.session.is_draining:
            self.is_drained = True
            raise Suspended("its session drains, and begins no new steps")

    def begin_step(self) -> None:
        """Do what `check` does before the body of a step begins, and look whether another process asked for the end."""
        if not self._is_cancelled and self.journal.has_news():
            self._is_cancelled = self.run_id in self.journal.to_cancel([self.run_id])
        self.check()

    def refuse_fault(self) -> None:
        """Raise what ended the run in this process, if anything did."""
        if self.fault is not None:
            raise self.fault

    def writing(self, call: Call, steps: Sequence[Step]) -> Awaitable[None]:
        """Record steps, all or none: `await execution.writing(call, steps)`, in a sync call or an async one."""
        return call.io(self.write, steps, afn=self.awrite)

    def write(self, steps: Sequence[Step] = ()) -> None:
        """Record steps, all or none, with those that were deferred."""
        wanted = self._wanted(steps)
        if wanted.steps:
            with self.noting_faults():
                self.journal.append(wanted)
            self._note_written(wanted)

    async def awrite(self, steps: Sequence[Step] = ()) -> None:
        """Do what `write` does, in a coroutine."""
        wanted = self._wanted(steps)
        if wanted.steps:
            with self.noting_faults():
                await self._writer.append(wanted)
            self._note_written(wanted)

    def write_on(self, connection: Connection, steps: Sequence[Step]) -> None:
        """Record steps in a transaction of their own step's, which is then committed."""
        wanted = self._wanted(steps)
        with self.noting_faults():
            refused = self.journal.append_on(connection, wanted)
            if refused is not None:
                raise refused
            connection.commit()
        self._note_written(wanted)

    def deferring(self, call: Call, steps: Sequence[Step], most: int) -> Awaitable[None]:
        """Record steps with the next that are written, or when there are `most`, or soon: `await execution.deferring(...)`."""
        self.refuse_fault()
        with self._guard:
            self._batch.extend(steps)
            is_full = len(self._batch) >= most
            self.records.update((step.key, step) for step in steps)
        if is_full:
            return self.writing(call, ())
        self._writer.later(self, SOON, self._flush)
        return call.io(_nothing, afn=_anothing)

    def _flush(self) -> None:
        """Record what was deferred; what goes wrong is raised by the next step."""
        try:
            self.write()
        except Exception as error:  # noqa: BLE001 - in a thread that serves other runs, too
            self.end(error)

    def _wanted(self, steps: Sequence[Step]) -> Append:
        self.refuse_fault()
        with self._guard:
            waiting, self._batch = self._batch, []
        now = self.clock.time()
        until = now + self._lease if now >= self._renew_at else None
        return Append(self.claim, [*waiting, *steps] if waiting else steps, until)

    def _note_written(self, written: Append) -> None:
        if written.until is not None:
            self._renew_at = written.until - self._lease / 2
        for step in written.steps:
            self.records[step.key] = step

    @context_manager
    def noting_faults(self) -> Generator[None]:
        """Have what the block raises end the run in this process, where it says that nothing can be recorded."""
        try:
            yield
        except (JournalUnavailable, JournalCorrupt, Fenced) as fault:
            self.end(fault)
            raise

    def take_signal(self, name: str, step: Step, wrap: Callable[[bytes], bytes]) -> bytes | None:
        """Take a signal that waits, and record it as the outcome of a step."""
        self.check()
        self.looked_at = self.clock.time()
        with self.noting_faults():
            value = self.journal.take_signal(self.claim, name, step, wrap)
        if value is not None:
            self.records[step.key] = step._replace(value=wrap(value))
        return value

    def end(self, fault: BaseException) -> None:
        """Have nothing more be recorded by this process; the first fault stays."""
        self.fault = self.fault or fault

    def kept_in(self, key: str) -> Sequence[Step]:
        """Return what was recorded as kept by a step and those inside it when the run was taken up, the oldest first."""
        return self._kept.get(key, ())

    def cancel(self) -> None:
        """Have the next step end the run."""
        self._is_cancelled = True


def _kept_by_scope(records: dict[str, Step]) -> dict[str, list[Step]]:
    """The rows of `state`, by each step that they are in."""
    found: dict[str, list[Step]] = {}
    for step in sorted((each for each in records.values() if each.kind == "state"), key=_age):
        scope = step.key
        while scope:
            scope = scope.rpartition("/")[0]
            found.setdefault(scope, []).append(step)
    return found


def _age(step: Step) -> float:
    return step.started_at


def _nothing() -> None:
    return None


async def _anothing() -> None:
    return None


class Position:
    """Where the code of one step, or of the run itself, is.

    Attributes:
        execution: The run.
        scope: Key of the step; empty for the run itself.
        call: The call of the step.
        transaction: In which the step's outcome will be committed; None as long as nobody asked for it.
    """

    def __init__(self, execution: Execution, scope: str, call: Call) -> None:
        self.transaction: StepTransaction | None = None
        self.execution = execution
        self.scope = scope
        self.call = call
        self._attempt = -1
        self._counts: dict[tuple[str, str], int] = {}
        self._groups: weakref.WeakKeyDictionary[Group, str] = weakref.WeakKeyDictionary()
        self._buffer: list[Step] = []
        self._lock = threading.Lock()

    @property
    def attempt(self) -> int:
        """The attempt that runs; what contains no attempts yet is in its first."""
        return max(self.call.attempt, 1)

    def key_of_call(self, call: Call, name: str) -> str:
        """Name a step: by its index in a map, else by how many of its name there were before it."""
        with self._lock:
            self._begin_attempt()
            inside = self._inside(call.parent)
            group = call.group
            if group is not None and group.kind == "map" and group in self._groups:
                return _join(inside, f"{self._groups[group]}[{call.map_index}]")
            return self._counted(inside, name)

    def key(self, name: str) -> str:
        """Name what is recorded and no call."""
        with self._lock:
            self._begin_attempt()
            return self._counted(self._inside(current_call()), name)

    def begin_group(self, group: Group) -> None:
        """Name a group, for the keys of what is called in it."""
        with self._lock:
            self._begin_attempt()
            inside = self._inside(group.parent)
            count = self._count(inside, f"@{group.kind}:{group.name}")
            self._groups[group] = group.name if count == 1 else f"{group.name}#{count}"

    def refuse_transaction(self, what: str) -> None:
        """Refuse what writes to the journal by itself while the step has a transaction that may hold its lock.

        Raises:
            TransactionMisused: It has.
        """
        if self.transaction is not None:
            raise TransactionMisused(
                f"{what} in step {self.scope!r}, which has opened a transaction(): that is committed with the step's outcome, and "
                f"cannot go across another step.\nBegin the transaction after it, or in a step of its own."
            )

    def record(self, call: Call, steps: Sequence[Step]) -> Awaitable[None]:
        """Record the outcome of the step, with what its body kept: `await position.record(...)`."""
        execution, transaction = self.execution, self.transaction
        if transaction is None or not transaction.has_written:
            self.drop_transaction()
            return execution.writing(call, steps)

        def commit() -> None:
            transaction.commit(steps)

        async def acommit() -> (
            None
        ):  # at once: a thread that writes may wait for the lock that this one holds
            commit()

        self.transaction = None
        return call.io(commit, afn=acommit)

    def drop_transaction(self) -> None:
        """Undo what the step's transaction did, if it has one."""
        transaction, self.transaction = self.transaction, None
        if transaction is not None:
            transaction.close()

    def buffer(self, step: Step) -> None:
        """Keep what is written with the next step of this lane."""
        with self._lock:
            self._buffer.append(step)
            self.execution.records[step.key] = step

    def taken(self, *steps: Step) -> list[Step]:
        """Take what is kept, and return it before these."""
        with self._lock:
            taken, self._buffer = [*self._buffer, *steps], []
        return taken

    def step(
        self, key: str, kind: StepKind, status: StepStatus, value: bytes | None = None, **more: Any
    ) -> Step:
        """Make a row of this position."""
        fields: dict[str, Any] = {
            "digest": "",
            "attempt": 1,
            "enclosing": self.attempt,
            "fingerprint": "",
            "started_at": time.time(),
            "duration": 0.0,
        }
        return Step(key=key, kind=kind, status=status, value=value, **{**fields, **more})

    def _begin_attempt(self) -> None:
        """Count anew in each attempt of the call around."""
        if self._attempt != self.call.attempt:
            self._attempt = self.call.attempt
            self._counts.clear()
            self._groups.clear()

    def _counted(self, inside: str, name: str) -> str:
        return _join(inside, f"{name}#{self._count(inside, name)}")

    def _count(self, inside: str, name: str) -> int:
        count = self._counts[inside, name] = self._counts.get((inside, name), 0) + 1
        return count

    def _inside(self, call: Call | None) -> str:
        """The scope of a call of this position: its own, and the places in groups of the plain calls between."""
        parts: list[str] = []
        while call is not None and call is not self.call:
            if call.map_index is not None and call.group is not None and call.group in self._groups:
                parts.append(f"{self._groups[call.group]}[{call.map_index}]")
            call = call.parent
        return "/".join((*([self.scope] if self.scope else []), *reversed(parts)))


def _join(scope: str, part: str) -> str:
    return f"{scope}/{part}" if scope else part


POSITION: ContextVar[Position | None] = ContextVar("pegboard_durable_position", default=None)


def position_for(what: str) -> Position:
    """Return where the running code is.

    Raises:
        NotInRun: In no run.
    """
    position = POSITION.get()
    if position is None:
        raise NotInRun(
            f"{what}() is called outside of a durable run, where nothing is recorded.\n"
            f"Call it in a task with Durable(), in a session with a Durability plugin.",
            what=what,
        )
    if what in _WRITERS:
        position.refuse_transaction(f"{what}() is called")
    position.execution.check()
    return position
