"""What goes wrong between a session and a cluster."""

from __future__ import annotations

from concurrent.futures import BrokenExecutor

from pegboard import PegboardError


class DaskError(PegboardError):
    """Base of what this plugin raises."""


class ClusterUnreachable(DaskError):  # noqa: N818 - the name users read in tracebacks
    """Raised when no scheduler answers in time, or none that speaks the same protocol; the cause is the engine's own error.

    Attributes:
        address: Of the scheduler; None for a cluster of the session's own.
        timeout: How long it was tried, in seconds.
    """

    retryable = True
    address: str | None
    timeout: float


class ClusterMismatch(DaskError):  # noqa: N818
    """Raised when a worker of the cluster has other versions than this process, so that what travels could mean something else.

    Attributes:
        what: `python`, or a distribution.
        here: Its version here.
        there: Its version on the worker; None when it is not installed.
        worker: Address of the worker, where that is known.
    """

    what: str
    here: str
    there: str | None
    worker: str | None


class ClusterLost(DaskError):  # noqa: N818
    """Raised when the cluster let go of a function before it answered: its scheduler ended, or somebody cancelled it there.

    Attributes:
        reason: The engine's word for it.
    """

    retryable = True
    reason: str


class WorkerKilled(BrokenExecutor):  # a task raises WorkerDied in its place
    """Workers died at a function so often that the cluster runs it no more."""
