"""What is known of a run, and of a step in it."""

from __future__ import annotations

import enum
import hashlib
from typing import Any, Generic, Literal, NamedTuple, TypeVar

import attrs

from pegboard_durable._errors import RunNotResumable

T = TypeVar("T")
StepKind = Literal["root", "step", "value", "state", "wait", "sleep", "item", "undo"]
StepStatus = Literal["intent", "retrying", "waiting", "ok", "error", "closed"]


class Status(enum.StrEnum):
    """How a run stands."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    SUSPENDED = "SUSPENDED"
    DONE = "DONE"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    ATTENTION = "ATTENTION"
    STUCK = "STUCK"
    UNDO_FAILED = "UNDO_FAILED"


NEVER = 1e18  # seconds since the Unix epoch
OVER = frozenset((Status.DONE, Status.FAILED, Status.CANCELLED, Status.UNDO_FAILED))


@attrs.frozen
class Run(Generic[T]):
    """A durable run, as the journal has it.

    Attributes:
        id: Of the run, unique in the journal.
        task: `module:qualname` of its task.
        status: How it stands.
        value: What it returned; None unless it is done.
        error: What it failed with, or what wants a look; None without one.
        created_at, ended_at: Seconds since the Unix epoch, UTC; None while it is not over.
        recoveries: How often it was taken up again after its process died.
    """

    id: str
    task: str
    status: Status
    value: T = attrs.field(repr=lambda value: f"<{type(value).__name__}>")
    error: Exception | None
    created_at: float
    ended_at: float | None
    recoveries: int

    def unwrap(self) -> T:
        """Return the value, or raise the error.

        Raises:
            RunNotResumable: It is not over, or was cancelled.
        """
        if self.error is not None:
            raise self.error
        if self.status is not Status.DONE:
            raise RunNotResumable(
                f"run {self.id!r} has no value: it is {self.status}.", run_id=self.id, status=str(self.status)
            )
        return self.value


@attrs.frozen
class StepInfo:
    """Which step of which run a call is; in `current_call().state[Durability]`.

    Attributes:
        run_id: Of the run.
        step_key: Of the step in it; empty for the run itself.
    """

    run_id: str
    step_key: str

    @property
    def idempotency_key(self) -> str:
        """A key for outside systems: the same for this step in every attempt and resumed run, and for no other."""
        text = f"{self.run_id}\n{self.step_key}"
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


class Step(NamedTuple):
    """A row of the journal about one step.

    Attributes:
        key: Its place in the run.
        kind: What it is.
        status: How it stands.
        digest: Of the arguments; empty where they cannot be compared.
        value: Encoded value or error; None without one.
        attempt: Of the step: how often it ran. Of what is kept or can be taken back: its number, in the order of the writing.
        enclosing: The attempts of the calls around it that wrote the row, the run's first: `2.1`; first ones at the end are left out.
        fingerprint: Of the task's source; empty without one.
        started_at, duration: Seconds.
        next_at: When its next attempt may begin, seconds since the Unix epoch; 0 for none.
    """

    key: str
    kind: StepKind
    status: StepStatus
    digest: str
    value: bytes | None
    attempt: int
    enclosing: str
    fingerprint: str
    started_at: float
    duration: float
    next_at: float = 0.0


class RunRow(NamedTuple):
    """A row of the journal about one run.

    Attributes:
        id: Of the run.
        task: `module:qualname` of its task.
        input: Its arguments, encoded.
        digest: Of those; empty where they cannot be compared.
        fingerprint: Of the task's source; empty without one.
        status: How it stands.
        created_at, started_at, ended_at: Seconds since the Unix epoch, UTC; None for what was not yet.
        queue, priority: Where and when workers find it.
        not_before: When it is due, seconds since the Unix epoch.
        parent: Id of the run that began it, or empty.
        trace: Where its trace began, as a W3C `traceparent`, or empty.
        owner: The process that works on it, or empty.
        epoch: How often it changed hands.
        lease, lease_until: For how many seconds, and until when, it is the owner's without a sign of life.
        recoveries: How often it was taken up again after its process died.
        cancel_asked: Whether it is to end at its next step.
        result: What it returned, or the error that ended it, encoded.
    """

    id: str
    task: str
    input: bytes
    digest: str
    fingerprint: str
    status: Status
    created_at: float
    started_at: float | None = None
    ended_at: float | None = None
    queue: str = "default"
    priority: int = 0
    not_before: float = 0.0
    parent: str = ""
    trace: str = ""
    owner: str = ""
    epoch: int = 0
    lease: float = 0.0
    lease_until: float = 0.0
    recoveries: int = 0
    cancel_asked: bool = False
    result: bytes | None = None


class Claim(NamedTuple):
    """The right to go on with a run: checked with each thing that is written for it."""

    run: str
    owner: str
    epoch: int


AnyRun = Run[Any]
