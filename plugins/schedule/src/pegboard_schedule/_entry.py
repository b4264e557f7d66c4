"""One entry of a schedule, and one run of it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import attrs

from pegboard_schedule._records import Run, Scheduled

if TYPE_CHECKING:
    from pegboard_schedule._asking import Question
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
        count_missed: Counts runs that are dropped, for whoever measures.
        due: The same in seconds since the epoch, with jitter.
        order: Of adding, to break ties.
        turn: Another number after every change of `due`; what the heap has of an older one counts for nothing.
        last: When it was last due.
        missed: Runs dropped since the last one began.
        is_behind: Whether it missed runs when it was last due: that is said once.
        is_dropping: Whether runs are dropped while one goes on: that is said once, too.
        question: What it is asked; it is due no more until that has an answer.
        has_failed: Whether its condition failed when it was last asked.
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
    count_missed: Callable[[int], object] = attrs.field(repr=False)
    due: float = 0.0
    turn: int = 0
    last: datetime | None = None
    missed: int = 0
    is_behind: bool = False
    is_dropping: bool = False
    question: Question | None = attrs.field(default=None, repr=False)
    has_failed: bool = False
    paused: bool = False
    was_true: bool = False
    stored: bool = False
    running: set[Going] = attrs.field(factory=set, repr=False)
    waiting: deque[Going] = attrs.field(factory=deque, repr=False)
    launching: bool = False

    def miss(self, number: int) -> None:
        """Count runs that are dropped."""
        self.missed += number
        self.count_missed(number)

    def begin_anew(self) -> None:
        """In a forked child: the runs of the parent are the parent's, and so are its questions."""
        self.running, self.waiting, self.launching, self.question = set(), deque(), False, None

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
        noted: What a store has as the last run once this one is taken: later, where those that follow are dropped.
        made_up: Whether it is one of several that were missed and are made up one after another; these wait.
        dropped_later: How many of those that were missed lie after all that are made up, and are dropped.
        over: Ends with the run, however that ends.
        future: The executor's, once it was handed over.
        missed: Runs of the entry that were dropped before it.
        lateness: Seconds; None until it begins.
    """

    entry: Entry
    scheduled: datetime
    due: float
    before: datetime | None
    noted: datetime
    made_up: bool = False
    dropped_later: int = 0
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
