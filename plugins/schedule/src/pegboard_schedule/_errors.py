"""Errors of schedules."""

from __future__ import annotations

from pegboard import PegboardError


class InvalidCron(PegboardError, ValueError):  # noqa: N818 - the name users read in tracebacks
    """Raised where a cron expression is written that means nothing, or that never comes.

    Attributes:
        expression: As given.
    """

    expression: str


class ScheduleError(PegboardError, RuntimeError):
    """Raised when a schedule is used in a state that does not allow it: no open session, an id that is taken."""


class UnknownSchedule(PegboardError, LookupError):  # noqa: N818
    """Raised when there is no entry of an id; one that will not run again is none.

    Attributes:
        id: As given.
    """

    id: str


class TriggerTimeout(PegboardError, TimeoutError):  # noqa: N818
    """Told of when a condition or a trigger of one's own has not answered in time; raised to who adds or resumes it.

    Attributes:
        id: Of the entry.
        seconds: How long it was waited for.
    """

    id: str
    seconds: float


class ScheduleStoreError(PegboardError, RuntimeError):
    """Raised when the file of the last runs cannot be opened or is of another kind.

    Attributes:
        path: The file.
    """

    path: str
