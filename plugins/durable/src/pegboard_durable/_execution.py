"""A run that goes on in this process."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import attrs

from pegboard_durable._errors import Fenced, JournalCorrupt, JournalUnavailable, NotInRun, RunCancelled
from pegboard_durable._records import Step

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pegboard import Call
    from pegboard.clock import Clock
    from pegboard_durable._records import Claim
    from pegboard_durable.journal.journal import Journal

UNDO = "!undo"
"""Key of the row that says that a run is being undone, and why."""

NEVER = 1e18  # seconds since the epoch


@attrs.frozen
class Settings:
    """What all runs of one journal have in common.

    Attributes:
        suspend_after: A sleep of more seconds than these suspends its run.
        strict: Whether records that nobody read when new work begins are an error.
        strict_version: Whether a run whose code has changed is set aside.
        services: What `call` finds, by name.
    """

    suspend_after: float = 60.0
    strict: bool = False
    strict_version: bool = False
    services: Mapping[str, Callable[[str, Any], Any]] = attrs.field(factory=dict)


class Execution:
    """A run that this process works on.

    Attributes:
        run_id: Of the run.
        claim: The right to write for it.
        records: What is recorded of it, by key; kept up to date.
        clock: The session's.
        settings: Of all runs of its journal.
        state: What the run keeps by name, encoded.
        wake: When a suspended run is to go on, seconds since the epoch.
        fault: What ended the run in this process, though not its work: each later step raises it, too.
        calls_done: Calls of steps that are done and can be taken back, by their keys.
        undo_failed: What taking one back failed with.
        fingerprint: Of the source of the task that began it; empty in a run that begins.
    """

    def __init__(
        self, journal: Journal, claim: Claim, records: dict[str, Step], clock: Clock, settings: Settings
    ) -> None:
        self.run_id = claim.run
        self.claim = claim
        self.records = records
        self.clock = clock
        self.settings = settings
        self.state: dict[str, bytes] = {}
        self.wake = NEVER
        self.fault: BaseException | None = None
        self.calls_done: dict[str, Call] = {}
        self.undo_failed: Exception | None = None
        self.fingerprint = ""
        self._journal = journal
        self._is_cancelled = False
        self._has_refused = False
        self._is_over = False
        self._unread = _by_scope(records)
        self._kept: dict[str, dict[str, Step]] | None = None
        self._numbers = max((step.attempt for step in records.values() if step.kind in _NUMBERED), default=0)
        self._lock = threading.Lock()

    def check(self) -> None:
        """Raise what keeps the run from going on in this process.

        Raises:
            Fenced, JournalUnavailable, JournalCorrupt: As the first time.
            NotInRun: The run is over.
        """
        self.refuse_fault()
        if self._is_over:
            raise NotInRun(
                f"run {self.run_id!r} is over, and something that it left behind goes on with it.\n"
                f"Wait for what a run begins before it returns.",
                what="run",
            )

    def check_new(self, *, is_undo: bool = False) -> None:
        """Raise what keeps new work of the run from beginning.

        Raises:
            Fenced, JournalUnavailable, JournalCorrupt, NotInRun: As `check`.
            RunCancelled: Somebody asked for that, or it is being undone.
        """
        self.check()
        if (self._is_cancelled or self.is_undoing) and not is_undo:
            self._has_refused = True
            raise RunCancelled(f"run {self.run_id!r} was cancelled")

    def refuse_fault(self) -> None:
        """Raise what ended the run in this process, if anything did."""
        if self.fault is not None:
            raise self.fault

    @property
    def is_undoing(self) -> bool:
        """Whether what was done is being taken back."""
        return UNDO in self.records

    @property
    def is_cancelled(self) -> bool:
        """Whether it was told that it was cancelled."""
        return self._has_refused

    def write(self, steps: Sequence[Step]) -> None:
        """Record steps, all or none."""
        self.refuse_fault()
        try:
            if self._journal.append(self.claim, steps):
                self._is_cancelled = True
        except (JournalUnavailable, JournalCorrupt, Fenced) as fault:
            self.fault = fault
            raise
        for step in steps:
            self.note(step)

    def note(self, step: Step) -> None:
        """Know of a row, written or soon to be."""
        self.records[step.key] = step
        if self._kept is not None and step.kind == "state":
            _keep(self._kept, step)

    def take_signal(self, name: str, step: Step, wrap: Any) -> bytes | None:
        """Take a signal that waits, and record it as the outcome of a step."""
        self.check()
        try:
            value = self._journal.take_signal(self.claim, name, step, wrap)
        except (JournalUnavailable, JournalCorrupt, Fenced) as fault:
            self.fault = fault
            raise
        if value is not None:
            self.note(step._replace(value=wrap(value)))
        return value

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
        return sorted(self._unread.pop(scope, ())) if self._unread else []

    def kept_in(self, key: str) -> Sequence[Step]:
        """Return what a step, and those in it, kept in `state`, by when it was written."""
        if self._kept is None:
            kept: dict[str, dict[str, Step]] = {}
            for step in self.records.values():
                if step.kind == "state":
                    _keep(kept, step)
            self._kept = kept
        found = self._kept.get(key)
        return sorted(found.values(), key=lambda step: step.attempt) if found else ()

    def number(self) -> int:
        """Number something that is written, in the order of the writing."""
        with self._lock:
            self._numbers += 1
            return self._numbers

    def cancel(self) -> None:
        """Have the next new step end the run."""
        self._is_cancelled = True

    @property
    def is_over(self) -> bool:
        """Whether it has left this process."""
        return self._is_over

    def end(self) -> None:
        """Refuse whatever is left of it from now on."""
        self._is_over = True


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
