"""A run that goes on in this process, and where in it the running code is."""

from __future__ import annotations

import threading
import time
import weakref
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from pegboard import current_call
from pegboard_durable._errors import Fenced, JournalCorrupt, JournalUnavailable, NotInRun, RunCancelled
from pegboard_durable._records import Step, StepKind, StepStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pegboard import Call
    from pegboard.clock import Clock
    from pegboard.running.group import Group
    from pegboard_durable._records import Claim
    from pegboard_durable.journal.journal import Journal

NEVER = 1e18  # seconds since the epoch


class Execution:
    """A run that this process works on.

    Attributes:
        run_id: Of the run.
        claim: The right to write for it.
        records: What is recorded of it, by key; kept up to date.
        clock: The session's.
        suspend_after: A sleep of more seconds than these suspends the run.
        values: What the run keeps in `state`.
        wake: When a suspended run is to go on, seconds since the epoch.
        fault: What ended the run in this process, though not its work: each later step raises it, too.
    """

    def __init__(
        self, journal: Journal, claim: Claim, records: dict[str, Step], clock: Clock, suspend_after: float
    ) -> None:
        self.run_id = claim.run
        self.claim = claim
        self.records = records
        self.clock = clock
        self.suspend_after = suspend_after
        self.values: dict[str, Any] = {}
        self.wake = NEVER
        self.fault: BaseException | None = None
        self._journal = journal
        self._is_cancelled = False

    def check(self) -> None:
        """Raise what keeps the run from going on.

        Raises:
            Fenced, JournalUnavailable, JournalCorrupt: As the first time.
            RunCancelled: Somebody asked for that.
        """
        self.refuse_fault()
        if self._is_cancelled:
            raise RunCancelled(f"run {self.run_id!r} was cancelled")

    def refuse_fault(self) -> None:
        """Raise what ended the run in this process, if anything did."""
        if self.fault is not None:
            raise self.fault

    def write(self, steps: Sequence[Step]) -> None:
        """Record steps, all or none."""
        self.refuse_fault()
        try:
            self._is_cancelled = self._journal.append(self.claim, steps)
        except (JournalUnavailable, JournalCorrupt, Fenced) as fault:
            self.fault = fault
            raise
        for step in steps:
            self.records[step.key] = step

    def take_signal(self, name: str, step: Step, wrap: Any) -> bytes | None:
        """Take a signal that waits, and record it as the outcome of a step."""
        self.check()
        try:
            value = self._journal.take_signal(self.claim, name, step, wrap)
        except (JournalUnavailable, JournalCorrupt, Fenced) as fault:
            self.fault = fault
            raise
        if value is not None:
            self.records[step.key] = step._replace(value=wrap(value))
        return value

    def cancel(self) -> None:
        """Have the next step end the run."""
        self._is_cancelled = True


class Position:
    """Where the code of one step, or of the run itself, is.

    Attributes:
        execution: The run.
        scope: Key of the step; empty for the run itself.
        call: The call of the step.
    """

    def __init__(self, execution: Execution, scope: str, call: Call) -> None:
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
        fields = {
            "digest": "",
            "attempt": 1,
            "enclosing": self.attempt,
            "fingerprint": "",
            "started_at": time.time(),
            "duration": 0.0,
        }
        return Step(key=key, kind=kind, status=status, value=value, **{**fields, **more})  # type: ignore[arg-type]

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
    position.execution.check()
    return position
