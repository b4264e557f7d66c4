"""A token bucket, kept as one time: the generic cell rate algorithm."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from pegboard.parts import new_rlock

if TYPE_CHECKING:
    from pegboard_limits.rate.option import RateLimit

_ROUNDING = 1e-9  # seconds: what rounding may leave of a wait that is over


class Turn(NamedTuple):
    """When an attempt may run.

    Attributes:
        wait: Seconds from now.
        at: What gives the turn back, in monotonic seconds; None when it would come too late and was not taken.
    """

    wait: float
    at: float | None


class Bucket:
    """Hands out turns, one after the other, each `seconds / number` after the one before, and `burst` of them ahead of time.

    Whoever has to wait knows at once for how long, so nobody has to be woken, and turns go in the order of asking. A
    turn given back goes to the next who asks, unless it has passed.

    Attributes:
        name: As events and errors call it.
        taken: The turns of attempts that have not begun, by the number of the call: when they come, and `_full_at` after them.
        unused: Numbers of calls whose turns come back: appended by a single call of a function in C, so that no interrupt loses
            one, and read by the next call.

    Source: the generic cell rate algorithm, ITU-T I.371, annex A.
    """

    def __init__(self, name: str, option: RateLimit, monotonic: Callable[[], float]) -> None:
        self.name = name
        self._each = option.seconds / option.number
        self._ahead = self._each * (option.burst or option.number)
        self._monotonic = monotonic
        # Reentrant: the collector may drop a coroutine that waits while it is held, which gives its turn back.
        self._guard = new_rlock()
        self._full_at = self._last = float("-inf")  # when the bucket is full again; when it was last asked
        self._spare: list[float] = []
        self.taken: dict[int, tuple[float, float]] = {}
        self.unused: deque[int] = deque()

    def use_clock(self, monotonic: Callable[[], float]) -> None:
        """Take the time from here from now on; the bucket of a `Limits` may go from one session to the next."""
        self._monotonic = monotonic

    def take(self, max_wait: float | None, number: int = 0) -> Turn | None:
        """Take the next turn for the call of that number; None when it has come already."""
        with self._guard:
            now = self._monotonic()
            if now < self._last:
                self._rebase(now)
            self._last = now
            if self.unused:
                self._take_back(now)
            full_at = (self._full_at if self._full_at > now else now) + self._each  # noqa: FURB136 - max() takes 0.1 us
            wait = full_at - self._ahead - now
            if wait <= _ROUNDING:
                # Nothing is between the two that an interrupt could come in.
                self.taken[number] = (now, full_at)
                self._full_at = full_at
                return None
            return self._later(number, now, wait, max_wait)

    def give_back(self, at: float) -> None:
        """Return a turn that will not be used."""
        with self._guard:
            heapq.heappush(self._spare, at)

    def _take_back(self, now: float) -> None:
        """Take back the turns that were not used: one that has passed only if it was the last, or two could run at one time."""
        unused, taken, before = self.unused, self.taken, self._full_at - self._each
        while unused:
            number = unused[0]
            if number in taken:
                at, full_at = taken[number]
                last = full_at == self._full_at
                del taken[number]  # what follows is one step, which no interrupt comes before
                if at > now:
                    heapq.heappush(self._spare, at)
                elif last:
                    self._full_at = before
            if unused and unused[0] == number:
                unused.popleft()

    def _later(self, number: int, now: float, wait: float, max_wait: float | None) -> Turn:
        spare = self._spare
        while spare and spare[0] < now:  # passed unused
            heapq.heappop(spare)
        at = spare[0] if spare else now + wait
        wait = at - now
        if max_wait is not None and wait > max_wait:
            return Turn(wait, None)
        turn = Turn(wait, at)
        full_at = self._full_at if spare else self._full_at + self._each
        self.taken[number] = at, full_at
        if spare:
            heapq.heappop(spare)
        else:
            self._full_at = full_at
        return turn

    def _rebase(self, now: float) -> None:
        """Carry on from another zero: another session's clock, or one that was set back."""
        self._full_at += now - self._last
        self._spare.clear()
