"""Limits on the time of a call whose function runs in another process."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

from pegboard import DeadlineExceeded

if TYPE_CHECKING:
    from pegboard import Call, TaskTimeout
    from pegboard.calls.time_limit import Limit


class TimeElsewhere:
    """The time of a function that runs elsewhere, where it may have to wait for a place first.

    The limits of its own call begin with the function, and those are paused until it is over: whoever runs it keeps them. Of
    deadlines, and of the limits of calls around it, that wait is a part.

    Args:
        call: The call, about to be sent.

    Attributes:
        seconds: How long the function may take, from where it begins; None without a limit.
    """

    __slots__ = ("_call", "_going", "_paused", "seconds")

    def __init__(self, call: Call) -> None:
        self._call = call
        self._paused: list[Limit] = []
        self._going: Limit | None = None
        limit = call.time_limit
        while limit is not None:
            if _begins_with_function(limit, call):
                self._paused.append(limit)
            elif not limit.lifted and (self._going is None or limit.at < self._going.at):
                self._going = limit
            limit = limit.around
        self.seconds = min((each.seconds for each in self._paused), default=None)
        for each in self._paused:
            each.at, each.outer = inf, None
            if each.timer is not None:
                each.timer.reschedule(None)

    @property
    def left(self) -> float | None:
        """How long everything may still take; None without a limit."""
        return None if self._going is None else max(self._going.left(), 0.0)

    @property
    def is_limited(self) -> bool:
        """Whether there is any limit."""
        return self._going is not None or self.seconds is not None

    def over(self, seconds: float) -> None:
        """Note that the function is over, and began so many seconds ago."""
        for limit in self._paused:
            limit.begun = True
            limit.at = limit.clock.monotonic() + limit.seconds - seconds
            if limit.timer is not None:
                limit.timer.reschedule(_loop_time() + limit.seconds - seconds)
            limit.shorten(limit.around)

    def exceeded(self) -> TaskTimeout:
        """Make the error to raise when the time is up."""
        if self._going is not None and self._going.left() <= 0:
            return self._going.exceeded(self._call)
        return min(self._paused, key=lambda each: each.seconds).exceeded(self._call)


def _loop_time() -> float:
    import asyncio

    return asyncio.get_running_loop().time()


def _begins_with_function(limit: Limit, call: Call) -> bool:
    return limit.number == call.number and not limit.begun and not issubclass(limit.error, DeadlineExceeded)
