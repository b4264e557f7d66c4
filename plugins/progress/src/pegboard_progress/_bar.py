"""What is known of one thing that goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pegboard.parts import new_lock
from pegboard_progress._amounts import check_amounts

if TYPE_CHECKING:
    from pegboard.clock import Clock


class Bar:
    """How far a map, a stream or a call has come; numbers only, never a value.

    Args:
        label: What it is called; printable.
        total: How much there is to do, or None.
        clock: Whose time is used.
        depth: How many bars it is within.

    Attributes:
        done: How much is done.
        failed: How many calls of it failed.
        status: How it ended, in the words of an outcome; "" while it runs.
    """

    __slots__ = (
        "_clock",
        "_guard",
        "depth",
        "done",
        "ended",
        "failed",
        "label",
        "started",
        "status",
        "total",
    )

    def __init__(self, label: str, total: float | None, clock: Clock, depth: int) -> None:
        self.label = label
        self.total = total
        self.depth = depth
        self.done: float = 0
        self.failed = 0
        self.status = ""
        self._clock = clock
        self._guard = new_lock()
        self.started = clock.monotonic()
        self.ended: float | None = None

    def advance(self, *, failed: bool) -> None:
        """Count one call more."""
        with self._guard:
            self.done += 1
            self.failed += failed

    def set(self, done: float, total: float | None) -> None:
        """Take over what a task says of itself.

        Raises:
            TypeError, ValueError: It is no number from 0; a task may emit the event itself, with anything.
        """
        check_amounts(done, total)
        self.done = done
        if total is not None:
            self.total = total

    def end(self, status: str) -> None:
        """Stop its time."""
        self.status = status
        self.ended = self._clock.monotonic()

    def now(self) -> float:
        """Return the time by its own clock."""
        return self._clock.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since it began, up to its end."""
        return (self._clock.monotonic() if self.ended is None else self.ended) - self.started

    @property
    def rate(self) -> float | None:
        """How much is done in a second, on average; None before anything is."""
        elapsed = self.elapsed
        return (self.done / elapsed or None) if elapsed > 0 else None

    @property
    def remaining(self) -> float | None:
        """Seconds until all is done at this rate; None when that cannot be said."""
        rate = self.rate
        if rate is None or self.total is None or self.ended is not None:
            return None
        return max(self.total - self.done, 0) / rate
