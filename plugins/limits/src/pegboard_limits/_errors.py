"""What limits raise."""

from __future__ import annotations

from pegboard import PegboardError


class BreakerOpen(PegboardError):  # noqa: N818 - the name users read in tracebacks
    """Raised instead of running a task whose breaker is open, or half open with a probe on its way.

    It is not retried: the same answer would come at once.

    Attributes:
        name: Name of the breaker.
        task: Name of the task.
        retry_after: Seconds until the breaker lets a probe through; 0 when one is on its way.
    """

    name: str
    task: str
    retry_after: float


class LimitExceeded(PegboardError):  # noqa: N818
    """Raised when a call would have to wait longer for its turn than `max_wait` allows.

    Attributes:
        name: Name of the rate limit or concurrency limit.
        task: Name of the task.
        max_wait: How long it may wait, in seconds; None where a time limit around the call said so.
        retry_after: Seconds until its turn would have come; None where nobody can tell.
    """

    retryable = True
    name: str
    task: str
    max_wait: float | None
    retry_after: float | None


class LimitStoreError(PegboardError):
    """Raised when a rate limit or concurrency limit that is kept in a store cannot be checked; the cause is the store's own error.

    Attributes:
        name: Name of that limit.
        task: Name of the task.
    """

    retryable = True
    name: str
    task: str
