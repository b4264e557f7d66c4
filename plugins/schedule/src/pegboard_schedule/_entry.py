"""One entry of a schedule, and one run of it."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import attrs

from pegboard_schedule._records import Run, Scheduled

if TYPE_CHECKING:
    from pegboard_schedule._trigger import Trigger


@attrs.define(eq=False)
class Entry:
    """A task, when it is due, and what goes on of it. The schedule's lock guards all that changes.

    Attributes:
        id: Unique in its schedule.
        call: Submits the task with its arguments.
        task: Name of the task.
        sensitive: Whether the task is.
        trigger: As it is since the entry was added.
        scheduled: When it is next due; None once it never is again.
        due: The same in seconds since the epoch, with jitter.
        order: Of adding, to break ties.
        turn: Another number after every change of `due`; what the heap has of an older one counts for nothing.
        last: When it was last due.
        missed: Runs dropped since the last one began.
        paused: Whether it is.
        was_true: What the condition said last.
        stored: Whether a store keeps its last run.
        running: Runs handed to the executor and not over.
        waiting: Runs that wait for those.
        launching: Whether a thread is at it to start what waits.
    """

    id: str
    call: Any = attrs.field(repr=False)
    task: str
    sensitive: bool
    trigger: Trigger
    scheduled: datetime | None
    order: int
    due: float = 0.0
    turn: int = 0
    last: datetime | None = None
    missed: int = 0
    paused: bool = False
    was_true: bool = False
    stored: bool = False
    running: set[Going] = attrs.field(factory=set, repr=False)
    waiting: deque[Going] = attrs.field(factory=deque, repr=False)
    launching: bool = False

    def record(self) -> Scheduled:
        """Tell what the entry is like now."""
        return Scheduled(
            self.id,
            self.task,
            self.trigger,
            None if self.paused else self.scheduled,
            self.last,
            self.paused,
            len(self.running),
            len(self.waiting),
            self.missed,
        )


@attrs.define(eq=False)
class Going:
    """A run, from when it is due until it is over.

    Attributes:
        entry: Whose run.
        scheduled: When it was due.
        due: When it was to begin, jitter counted, in seconds since the epoch.
        before: What was the entry's last run before this one.
        made_up: Whether it is one of several that were missed and are made up one after another; these wait.
        over: Ends with the run, however that ends.
        future: The executor's, once it was handed over.
        missed: Runs of the entry that were dropped before it.
        lateness: Seconds; None until it begins.
    """

    entry: Entry
    scheduled: datetime
    due: float
    before: datetime | None
    made_up: bool = False
    over: Future[Run] = attrs.field(factory=Future, repr=False)
    future: Future[Any] | None = None
    missed: int = 0
    lateness: float | None = None

    def finish(
        self,
        status: Literal["ok", "error", "cancelled"],
        value: object = None,
        error: BaseException | None = None,
    ) -> None:
        """Say how it ended, to whoever waits."""
        entry = self.entry
        self.over.set_result(Run(entry.id, entry.task, self.scheduled, status, value, error, self.lateness))
