"""What is told about a schedule."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import attrs


@attrs.frozen
class Fire:
    """A scheduled run that begins, as `on_schedule_fire` tells it.

    Attributes:
        id: Of the entry.
        scheduled_at: When it was due, jitter not counted; aware, for `Cron` in its zone.
        lateness: Seconds from the moment it was to begin, jitter counted, to the moment it began. Never negative.
        missed: How many runs of the entry were dropped since the one before began.
    """

    id: str
    scheduled_at: datetime
    lateness: float
    missed: int


@attrs.frozen
class Fault:
    """What is wrong with the trigger or the condition of an entry, as `on_schedule_error` tells it.

    Attributes:
        id: Of the entry.
        task: Name of its task.
        source: Whether it is the trigger, which says when, or the condition of a `When`.
        error: What it raised, or a `TriggerTimeout`.
        paused: Whether the entry is paused, until somebody resumes it: where nobody knows when it is next due.
        is_new: Whether it is the first of several in a row; only that one is logged.
    """

    id: str
    task: str
    source: Literal["trigger", "condition"]
    error: BaseException = attrs.field(repr=lambda error: type(error).__name__)
    paused: bool = False
    is_new: bool = True


@attrs.frozen
class Run:
    """A scheduled run that is over, as `run_pending` returns it.

    Attributes:
        id: Of the entry.
        task: Name of the task.
        scheduled_at: When it was due; aware, for `Cron` in its zone.
        status: `ok`, `error`, or `cancelled` for one that never began.
        value: What the task returned. Left out of the repr, as values are.
        error: What it raised, or None.
        lateness: As in `Fire`; None for one that never began.
    """

    id: str
    task: str
    scheduled_at: datetime
    status: Literal["ok", "error", "cancelled"]
    value: Any = attrs.field(repr=False)
    error: BaseException | None = attrs.field(repr=lambda error: type(error).__name__)
    lateness: float | None


@attrs.frozen
class Scheduled:
    """An entry of the schedule at one moment.

    Attributes:
        id: Unique in its schedule.
        task: Name of the task.
        trigger: What says when it is due.
        next: When it is next due, jitter not counted; for `When`, when it is next asked. None while it is paused.
        last: When it was last due, or None.
        paused: Whether it waits for `resume`.
        running: How many runs go on.
        waiting: How many runs wait for one that goes on.
        missed: How many runs were dropped since the last one began.
    """

    id: str
    task: str
    trigger: object
    next: datetime | None
    last: datetime | None
    paused: bool
    running: int
    waiting: int
    missed: int
