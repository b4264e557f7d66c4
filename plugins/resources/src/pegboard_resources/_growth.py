"""Telling that a task takes more memory than it should."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pegboard_resources._sizes import show_size

if TYPE_CHECKING:
    from pegboard import Call, Session, Task
    from pegboard_resources._tracker import Memory


class GrowthLimit:
    """Watches one task in one session: a call that gains too much, and calls that gain a little each.

    Args:
        session: Where the warning is logged, once.
        task: The task.
        limit: Bytes.
    """

    def __init__(self, session: Session, task: Task[..., object], limit: int) -> None:
        self._session = session
        self._task = task
        self._limit = limit
        self._total = 0

    def ended(self, call: Call, memory: Memory) -> None:
        """Take the measurement of a call, and tell if it is over the limit."""
        if not memory.nested:
            self._total += memory.growth
        if memory.growth > self._limit:
            self._tell(call, memory.growth, "one call")
        elif self._total > self._limit:
            self._tell(call, self._total, "its calls together")
        else:
            return
        self._total = 0  # another limit's worth is told again

    def _tell(self, call: Call, grown: int, who: str) -> None:
        call.emit("on_memory_growth", grown, self._limit)
        self._session.faults.warn_once(
            f"resources: {self._task.name}",
            f"task {self._task.name!r} grew the process by {show_size(grown)} ({who}), "
            f"and its memory_limit is {show_size(self._limit)}; further growth is told to on_memory_growth only",
        )
