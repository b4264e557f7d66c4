"""A run that goes on in this process."""

from __future__ import annotations

import threading
from collections.abc import Generator
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

import attrs

from pegboard import Suspended
from pegboard.parts import new_rlock
from pegboard.parts.awaiting import loop_runs_here
from pegboard.parts.contexts import context_manager
from pegboard_durable._codec import encode_error
from pegboard_durable._errors import (
    Fenced,
    JournalCorrupt,
    JournalUnavailable,
    NotInRun,
    RunCancelled,
)
from pegboard_durable._records import NEVER
from pegboard_durable.journal.journal import Append
from pegboard_durable.journal.reopening import UNDO

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from sqlalchemy import Connection

    from pegboard import Call, Session
    from pegboard_durable._figures import Figures
    from pegboard_durable._records import Claim, Step
    from pegboard_durable.journal.journal import Journal
    from pegboard_durable.journal.writer import Writer

T = TypeVar("T")
SOON = 0.05  # seconds that an outcome may wait for others to be committed with


@attrs.frozen
class Settings:
    """What all runs of one journal have in common.

    Attributes:
        suspend_after: A sleep of more seconds than these suspends its run.
        strict: Whether records that nobody read when new work begins are an error.
        strict_version: Whether a run whose code has changed is set aside.
        services: What `call` finds, by name.
        encrypts: Whether the journal encrypts what it holds.
    """

    suspend_after: float = 60.0
    strict: bool = False
    strict_version: bool = False
    services: Mapping[str, Any] = attrs.field(factory=dict)
    encrypts: bool = False


class Execution:
    """A run that this process works on.

    Attributes:
        run_id: Of the run.
        task: The static name of its task.
        figures: What its session measures.
        journal: Where it is recorded.
        claim: The right to write for it.
        records: What is recorded of it, by key; kept up to date.
        session: The one that the run was begun or resumed in.
        clock: The session's.
        settings: Of all runs of its journal.
        state: What the run keeps by name, encoded.
        wake: When a suspended run is to go on, seconds since the epoch.
        looked_at: When it last looked for signals, seconds since the epoch.
        fault: What ended the run in this process, though not its work: each later step raises it, too.
        is_drained: Whether the run stopped because its session drains.
        over: Set when this process works on it no more.
        calls_done: Calls of steps that are done and can be taken back, by their keys.
        undo_failed: What taking one back failed with.
        fingerprint: Of the source of the task that began it; empty in a run that begins.
        found_orphans: Keys of what was recorded and is not done any more.
        found_changed: Keys of what has other code than it was recorded with.
        is_replay: Whether its own code runs again to see what it does, and nothing else.
    """

    is_replay = False

    def __init__(
        self,
        journal: Journal,
        writer: Writer,
        claim: Claim,
        records: dict[str, Step],
        session: Session,
        *,
        lease: float,
        settings: Settings,
        task: str,
        figures: Figures,
        fingerprint: str = "",
    ) -> None:
        self.run_id = claim.run
        self.task = task
        self.figures = figures
        self.claim = claim
        self.records = records
        self.session = session
        self.clock = session.clock
        self.settings = settings
        self.state: dict[str, bytes] = {}
        self.wake = self.looked_at = NEVER
        self.fault: BaseException | None = None
        self.is_drained = False
        self.over: Future[None] = Future()
        self.calls_done: dict[str, Call] = {}
        self.undo_failed: Exception | None = None
        self.fingerprint = fingerprint
        self.found_orphans: list[str] = []
        self.found_changed: list[str] = []
        self.journal = journal
        self._writer = writer
        self._lease = lease
        self._renew_at = self.clock.time() + lease / 2
        self._is_cancelled = False
        self._seen: int | None = None
        self._has_refused = False
        self._has_returned = False
        self._unread = _by_scope(records)
        self._kept: dict[str, dict[str, Step]] = {}
        for step in records.values():
            if step.kind == "state":
                _keep(self._kept, step)
        self._numbers = max((step.attempt for step in records.values() if step.kind in _NUMBERED), default=0)
        self._batch: list[Step] = []
        self._guard = new_rlock()
        self._in_flight = 0
        self._is_leaving = False
        self._none_in_flight = threading.Condition()

    def check(self) -> None:
        """Raise what keeps the run from going on in this process.

        Raises:
            Fenced, JournalUnavailable, JournalCorrupt: As the first time.
            NotInRun: The run is over.
        """
        self.refuse_fault()
        if self._has_returned:
            raise NotInRun(
                f"run {self.run_id!r} is over, and something that it left behind goes on with it.\n"
                f"Wait for what a run begins before it returns.",
                what="run",
            )

    def check_new(self, *, is_undo: bool = False) -> None:
        """Raise what keeps new work of the run from beginning.

        Args:
            is_undo: Whether that work takes something back: then it may.

        Raises:
            Fenced, JournalUnavailable, JournalCorrupt, NotInRun: As `check`.
            RunCancelled: Somebody asked for that, or the run is being undone.
            Suspended: The session drains.
        """
        self.check()
        if not is_undo:
            self._refuse_cancelled()
        if self._is_leaving and not is_undo:
            raise Suspended("the run leaves this process, and begins no new steps")
        if self.session.is_draining:
            self.is_drained = True
            raise Suspended("its session drains, and begins no new steps")

    def _refuse_cancelled(self) -> None:
        version = self.journal.version(may_wait=not loop_runs_here())
        if not self._is_cancelled and version != self._seen:
            self._seen = version
            self._is_cancelled = self.run_id in self.journal.to_cancel([self.run_id])
        if self._is_cancelled or self.is_undoing:
            self._has_refused = True
            raise RunCancelled(f"run {self.run_id!r} was cancelled")

    def encode_error(self, error: Exception) -> bytes:
        """Encode an error for the journal."""
        return encode_error(error, encrypts=self.settings.encrypts)

    @property
    def is_undoing(self) -> bool:
        """Whether what was done is being taken back."""
        return UNDO in self.records

    def refuse_return(self) -> None:
        """Refuse a value of a run whose code was told that it is cancelled, or that is undone.

        Raises:
            RunCancelled: It is one.
        """
        if self.fault is None and (self._has_refused or self.is_undoing):
            raise RunCancelled(f"run {self.run_id!r} was cancelled")

    @property
    def has_returned(self) -> bool:
        """Whether the run's own code is through."""
        return self._has_returned

    def returned(self) -> None:
        """Refuse from now on whatever the run's code left behind."""
        self._has_returned = True

    @context_manager
    def in_flight(self) -> Generator[None]:
        """Count a step that has begun, until its outcome is recorded."""
        with self._none_in_flight:
            self._in_flight += 1
        try:
            yield
        finally:
            with self._none_in_flight:
                self._in_flight -= 1
                self._none_in_flight.notify_all()

    @property
    def has_in_flight(self) -> bool:
        """Whether steps have begun whose outcomes are not recorded yet."""
        return self._in_flight > 0

    def begin_no_more(self) -> bool:
        """Begin no more steps, as the run suspends or failed; whether others are still in flight, as `asyncio.gather` leaves them."""
        self._is_leaving = True
        return self._in_flight > 0

    def wait_for_steps(self) -> None:
        """Wait until no step is in flight."""
        with self._none_in_flight:
            self._none_in_flight.wait_for(lambda: not self._in_flight)

    def refuse_fault(self) -> None:
        """Raise what ended the run in this process, if anything did."""
        if self.fault is not None:
            raise self.fault

    def io(self, call: Call, function: Callable[..., T], *args: Any) -> Awaitable[T]:
        """Use the journal: `await execution.io(call, function, ...)`; in a coroutine, in the thread that writes for those."""
        return cast("Awaitable[T]", call.io(function, *args, afn=partial(self._writer.run, function)))

    @property
    def has_deferred(self) -> bool:
        """Whether outcomes wait for others to be committed with."""
        return bool(self._batch)

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
            for step in steps:
                self.note(step)
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
            self.note(step)

    def note(self, step: Step) -> None:
        """Know of a row, written or soon to be."""
        self.records[step.key] = step
        if step.kind == "state":
            with self._guard:
                _keep(self._kept, step)

    def forget_below(self, key: str) -> None:
        """Forget what was recorded in a step that runs again with other arguments: it belongs to those that it had."""
        inside = f"{key}/"
        with self._guard:
            for each in [each for each in list(self.records) if each.startswith(inside)]:
                del self.records[each]
            self._kept.pop(key, None)

    def read(self, key: str) -> Step | None:
        """Return what is recorded at a key."""
        found = self.records.get(key)
        if found is not None and self._unread:
            self._unread.get(_scope_of(key), _NOTHING).discard(key)
        return found

    @property
    def has_unread(self) -> bool:
        """Whether it was taken up again, with records that are still to be read."""
        return bool(self._unread)

    def orphans(self, scope: str) -> list[str]:
        """Take what was recorded directly in a scope and that nobody has read, for the code there does new things by now."""
        found = sorted(self._unread.pop(scope, ())) if self._unread else []
        self.found_orphans += found
        return found

    def kept_in(self, key: str) -> Sequence[Step]:
        """Return what a step, and those in it, kept in `state`, by when it was written."""
        found = self._kept.get(key)
        if not found:
            return ()
        with self._guard:
            return sorted(found.values(), key=lambda step: step.attempt)

    def number(self) -> int:
        """Number something that is written, in the order of the writing."""
        with self._guard:
            self._numbers += 1
            return self._numbers

    @context_manager
    def noting_faults(self) -> Generator[None]:
        """Have what the block raises end the run in this process, where it says that nothing can be recorded."""
        try:
            yield
        except (JournalUnavailable, JournalCorrupt, Fenced) as fault:
            if isinstance(fault, Fenced) and self.fault is None:
                self.figures.leases_lost.add()
            self.end(fault)
            raise

    def take_signal(self, name: str, step: Step, wrap: Callable[[bytes], bytes]) -> bytes | None:
        """Take a signal that waits, and record it as the outcome of a step."""
        self.refuse_fault()
        self.looked_at = self.clock.time()
        with self.noting_faults():
            value = self.journal.take_signal(self.claim, name, step, wrap)
        if value is not None:
            self.note(step._replace(value=wrap(value)))
        return value

    def end(self, fault: BaseException) -> None:
        """Have nothing more be recorded by this process; the first fault stays."""
        self.fault = self.fault or fault

    def cancel(self) -> None:
        """Have the next step end the run."""
        self._is_cancelled = True


def _nothing() -> None:
    return None


async def _anothing() -> None:
    return None


_NUMBERED = ("state", "undo")
_MUST_BE_READ = ("step", "wait", "sleep")
_NOTHING: set[str] = set()


def _scope_of(key: str) -> str:
    return key.rpartition("/")[0]


def _by_scope(records: Mapping[str, Step]) -> dict[str, set[str]]:
    """The keys of what a program does in each scope, but for those with an index: they come in any order."""
    found: dict[str, set[str]] = {}
    for key, step in records.items():
        if step.kind in _MUST_BE_READ and not key.endswith("]"):
            found.setdefault(_scope_of(key), set()).add(key)
    return found


def _keep(kept: dict[str, dict[str, Step]], step: Step) -> None:
    """Add a row of `state` to those of each step around it."""
    at = step.key.rfind("/")
    while at > 0:
        kept.setdefault(step.key[:at], {})[step.key] = step
        at = step.key.rfind("/", 0, at)
