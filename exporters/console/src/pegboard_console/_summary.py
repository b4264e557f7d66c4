"""What a session did, task by task."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pegboard_console._durations import Durations

if TYPE_CHECKING:
    from pegboard import Outcome

TASKS_MOST = 500
OTHERS = "(other tasks)"


class TaskSummary:
    """The calls of one task so far.

    Attributes:
        name: Static name of the task.
        calls: How many ended.
        ok, errors: How many of them so; the rest was cancelled, closed early or suspended.
        retries: How often an attempt was followed by another.
        hits: How many were served from a cache.
        durations: Of the calls that ran; a value from a cache or journal takes no time worth comparing.
    """

    __slots__ = ("calls", "durations", "errors", "hits", "name", "ok", "retries")

    def __init__(self, name: str) -> None:
        self.name = name
        self.calls = self.ok = self.errors = self.retries = self.hits = 0
        self.durations = Durations()

    def add(self, outcome: Outcome) -> None:
        """Count a call that ended. Not safe for threads."""
        self.calls += 1
        self.ok += outcome.status == "ok"
        self.errors += outcome.status == "error"
        self.hits += outcome.source == "cache"
        if outcome.source not in ("cache", "journal"):
            self.durations.add(outcome.duration)

    @property
    def others(self) -> int:
        """How many calls ended neither with a value nor with an error."""
        return self.calls - self.ok - self.errors


class Summary:
    """The summaries of a session's tasks, at most `TASKS_MOST` of them; the rest is counted together."""

    def __init__(self) -> None:
        self._tasks: dict[str, TaskSummary] = {}

    def task(self, name: str) -> TaskSummary:
        """Return the summary of a task; tasks of one name share one."""
        if name not in self._tasks and len(self._tasks) >= TASKS_MOST:
            name = OTHERS
        return self._tasks.setdefault(name, TaskSummary(name))

    def called(self) -> Iterable[TaskSummary]:
        """Return those that were called, the one that took longest first."""
        called = [each for each in self._tasks.values() if each.calls]
        return sorted(called, key=lambda each: (-each.durations.total, each.name))
