"""What can go wrong with durable runs."""

from __future__ import annotations

from pegboard import PegboardError, Suspended


class DurableError(PegboardError):
    """Base of the errors of durable runs."""


class NotInRun(DurableError, RuntimeError):  # noqa: N818 - the names users read in tracebacks
    """Raised where something needs a durable run around it, and there is none.

    Attributes:
        what: The function that was called.
    """

    what: str


class InvalidRunId(DurableError, ValueError):  # noqa: N818
    """Raised for an id that is none: 1 to 128 characters of `A-Z a-z 0-9 . _ : -`.

    Attributes:
        run_id: As given.
    """

    run_id: str


class UnknownRun(DurableError, LookupError):  # noqa: N818
    """Raised when there is no run of an id.

    Attributes:
        run_id: As given.
    """

    run_id: str


class UnknownStep(DurableError, LookupError):  # noqa: N818
    """Raised when a run is to go on from a step that is not recorded.

    Attributes:
        run_id: Of the run.
        key: As given.
    """

    run_id: str
    key: str


class UnknownTask(DurableError, LookupError):  # noqa: N818
    """Raised when a run's task is not among those that this process has loaded.

    Attributes:
        run_id: Of the run.
        task: `module:qualname`.
    """

    run_id: str
    task: str


class RunNotResumable(DurableError, RuntimeError):  # noqa: N818
    """Raised when a run cannot go on: it is over, or its status wants a person to look first.

    Attributes:
        run_id: Of the run.
        status: Its status.
    """

    run_id: str
    status: str


class NotRecordable(DurableError, TypeError):  # noqa: N818
    """Raised when an argument, result or other value cannot be recorded and read again exactly as it was.

    Attributes:
        task: Name of the task.
        type: The class of the value, or of what is inside it.
    """

    task: str
    type: str


class JournalDiverged(DurableError):  # noqa: N818
    """Raised when a resumed run does something else than what was recorded at that place.

    Attributes:
        run_id: Of the run.
        key: Of the step.
        recorded, now: Digests of the arguments.
    """

    parked = True
    run_id: str
    key: str
    recorded: str
    now: str


class InDoubt(DurableError):  # noqa: N818
    """Raised when a step that must have its effect once began, and nobody recorded how it ended.

    Attributes:
        run_id: Of the run.
        key: Of the step.
    """

    parked = True
    run_id: str
    key: str


class CodeChanged(DurableError):  # noqa: N818
    """Raised under `Durability(strict_version=True)` when a resumed run meets code that was edited since.

    Attributes:
        run_id: Of the run.
        key: Of the step; empty for the run's own task.
    """

    parked = True
    run_id: str
    key: str


class UndoFailed(DurableError):  # noqa: N818
    """Raised when a step of a run that failed, or was cancelled, could not be taken back.

    Attributes:
        run_id: Of the run.
        remaining: Keys of the steps that are still done, in the order in which they were to be undone.
    """

    run_id: str
    remaining: tuple[str, ...]


class UnknownService(DurableError, LookupError):  # noqa: N818
    """Raised by `call` for a service, or a method of it, that `Durability(services=...)` does not have.

    Attributes:
        service, method: As given.
    """

    service: str
    method: str


class JournalUnavailable(DurableError, OSError):  # noqa: N818
    """Raised when the journal cannot be opened, read or written. Nothing is recorded as failed; the run may be resumed.

    Attributes:
        journal: Its address, without a password.
    """

    parked = True
    journal: str


class JournalVersion(DurableError):  # noqa: N818
    """Raised for a journal whose tables are of another version.

    Attributes:
        journal: Its address, without a password.
        found, needed: Versions.
    """

    journal: str
    found: int
    needed: int


class JournalCorrupt(DurableError):  # noqa: N818
    """Raised for a row of the journal that is not as it was written.

    Attributes:
        journal: Its address, without a password.
        table: Of the row.
        key: Of the row.
    """

    parked = True
    journal: str
    table: str
    key: str


class JournalSealed(DurableError):  # noqa: N818
    """Raised for what a journal holds encrypted, where the key is missing, or another one."""

    parked = True


class RecordedError(DurableError):
    """Stands for a recorded error whose class is not loaded here.

    Attributes:
        type: `module:qualname` of the class.
        message: What it said.
    """

    type: str
    message: str


class InRun(DurableError, RuntimeError):  # noqa: N818
    """Raised where a run is begun or resumed inside another one, where a call is a step.

    Attributes:
        what: The method that was called.
    """

    what: str


class TransactionMisused(DurableError, RuntimeError):  # noqa: N818
    """Raised when a step's `transaction()` is ended by anything but the step, or another step is called across it."""


class RunCancelled(BaseException):
    """Leaves a run that was asked to be cancelled, at its next step. No `Exception`, so that nothing takes it for a failure."""


class Fenced(Suspended):
    """Leaves a run that another process has taken over: it goes on there. No `Exception`, so that nothing takes it for a failure."""
