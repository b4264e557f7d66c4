"""The state of a breaker."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, NamedTuple

import attrs

from pegboard import current_call
from pegboard.parts import after_fork, new_rlock
from pegboard.parts.event_loop import running_loop
from pegboard_limits._errors import BreakerOpen

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from pegboard import Call
    from pegboard_limits.breaker.option import Breaker

State = Literal["closed", "half_open", "open"]


@attrs.frozen
class BreakerRecord:
    """What a breaker is like at one moment.

    Attributes:
        name: The name given, or the task's.
        state: `closed`, `half_open` or `open`. It stays `open` until a call comes after the recovery.
        failures: Consecutive failures that count now; an open breaker keeps those that opened it.
        retry_after: Seconds until a probe is let through; 0 unless the breaker is open.
    """

    name: str
    state: State
    failures: int
    retry_after: float


class Change(NamedTuple):
    """A breaker's change from one state to another."""

    state: State
    previous: State


class BreakerState:
    """Counts consecutive failures, opens on the n-th, and lets one probe at a time through after the recovery.

    A call is given the breaker's epoch when it begins, and hands it back with how it ended. The epoch changes with every
    state and every probe, so that a call from another time, which ends late, cannot open or close anything.

    Attributes:
        name: As events and errors call it.
        closed: Whether calls go straight through; read without the guard.
        epoch: As above.
        failed: When the failures so far happened, in the clock's monotonic seconds; at most as many as open the breaker.
        over: Numbers of calls that are over, and may have been the probe: appended by a single call of a function in C, so that no
            interrupt keeps a probe on its way for ever, and read by the next call.
    """

    def __init__(self, name: str, option: Breaker, monotonic: Callable[[], float]) -> None:
        self.name = name
        self.closed = True
        self.epoch = 0
        self.failed: deque[float] = deque(maxlen=option.failures)
        self.over: deque[int] = deque()
        self._recovery = option.recovery
        self._window = option.window
        self._monotonic = monotonic
        # Reentrant: the collector may end a stream while it is held, and the stream says how it ended.
        self._guard = new_rlock()
        self._state: State = "closed"
        self._opened_at = 0.0
        self._probe: int | None = None
        self._loop: AbstractEventLoop | None = None  # of the probe, if it is async
        after_fork(self._forget_probe_of_dead_thread)

    def use_clock(self, monotonic: Callable[[], float]) -> None:
        """Take the time from here from now on; the breaker of a `Limits` may go from one session to the next."""
        self._monotonic = monotonic

    def admit(self, call: Call) -> tuple[int, Change | None]:
        """Let a call through a breaker that is not closed, as its probe; return its epoch, and what it changed.

        Raises:
            BreakerOpen: It is open, or another probe is on its way.
        """
        with self._guard:
            change = None
            self._forget_those_over()
            if self._state == "closed":
                return self.epoch, None
            if self._state == "open":
                left = self._left()
                if left > 0:
                    raise self._refusal(call, left)
                change = self._become("half_open")
            elif self._probe is not None:
                if _is_inside(call, self._probe):
                    return self.epoch, None
                raise self._refusal(call, 0.0)
            self.epoch += 1
            self._probe = call.number
            self._loop = _loop_of(call)
            return self.epoch, change

    def succeeded(self, epoch: int) -> Change | None:
        """Zero the count; the success of a probe closes the breaker."""
        with self._guard:
            if epoch != self.epoch or self._state == "open":
                return None
            self.failed.clear()
            return None if self._state == "closed" else self._become("closed")

    def failure(self, epoch: int) -> Change | None:
        """Count a failure; the n-th in a row, and that of a probe, opens the breaker."""
        with self._guard:
            if epoch != self.epoch or self._state == "open":
                return None
            now = self._monotonic()
            if self._state == "closed":
                self.failed.append(now)
                if len(self.failed) < (self.failed.maxlen or 0) or not self._in_window(self.failed[0], now):
                    return None
            self._opened_at = now
            return self._become("open")

    def gave_up(self, epoch: int) -> None:
        """Give the probe back: the attempt ended without saying anything about what it calls."""
        with self._guard:
            if epoch == self.epoch:
                self._probe = None

    def record(self) -> BreakerRecord:
        """Tell what the breaker is like now."""
        with self._guard:
            now = self._monotonic()
            known = sum(self._state != "closed" or self._in_window(at, now) for at in self.failed)
            left = max(self._left(), 0.0) if self._state == "open" else 0.0
            return BreakerRecord(self.name, self._state, known, left)

    def _forget_those_over(self) -> None:
        if self._loop is not None and self._loop.is_closed():  # an interrupt left its coroutine there
            self._probe = self._loop = None
        while self.over:
            if self.over.popleft() == self._probe:
                self._probe = None

    def _forget_probe_of_dead_thread(self) -> None:
        """In a forked child: the thread of the probe may not have come along."""
        call = current_call()
        if call is None or (call.number != self._probe and not _is_inside(call, self._probe)):
            self._probe = None

    def _become(self, state: State) -> Change:
        change = Change(state, self._state)
        self._state = state
        self.closed = state == "closed"
        self.epoch += 1
        self._probe = None
        return change

    def _left(self) -> float:
        now = self._monotonic()
        self._opened_at = min(self._opened_at, now)  # another session's clock, or one that was set back
        return self._opened_at + self._recovery - now

    def _in_window(self, at: float, now: float) -> bool:
        return self._window is None or now - at <= self._window

    def _refusal(self, call: Call, left: float) -> BreakerOpen:
        task = call.task.name
        when = f"It lets a probe through in {left:.3g} s." if left > 0 else "Its probe is on the way."
        return BreakerOpen(
            f"task {task!r} was not run: breaker {self.name!r} is {self._state.replace('_', ' ')}, "
            f"as {self.failed.maxlen} attempts in a row failed.\n{when}",
            name=self.name,
            task=task,
            retry_after=left,
        )


def _loop_of(call: Call) -> AbstractEventLoop | None:
    return running_loop() if call.is_async else None


def _is_inside(call: Call, number: int | None) -> bool:
    """Whether a call was made, directly or not, in the call of that number: then it is part of the probe."""
    outer = call.parent
    while outer is not None:
        if outer.number == number:
            return True
        outer = outer.parent
    return False
