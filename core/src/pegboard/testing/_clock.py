"""A clock that only moves when it is told to, or when somebody sleeps on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pegboard.hookspecs import hookimpl
from pegboard.parts.event_loop import running_loop
from pegboard.parts.forks import new_lock

if TYPE_CHECKING:
    from pegboard.clock import Clock
    from pegboard.sessions.session import Session


class FakeClock:
    """A plugin that is its session's clock: sleeping takes no time and moves it on.

    Attributes:
        sleeps: Every wait so far, in seconds.
    """

    name = "clock"

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self._guard = new_lock()
        self._now = now
        self._start = now
        self._replaced: list[tuple[Session, Clock]] = []
        self.sleeps: list[float] = []

    @hookimpl(tryfirst=True)
    def session_start(self, session: Session) -> None:
        """Become the session's clock."""
        self._replaced.append((session, session.clock))
        session.clock = self

    @hookimpl(trylast=True)
    def session_end(self, session: Session) -> None:
        """Give the session its own clock back."""
        for entry in [entry for entry in self._replaced if entry[0] is session]:
            session.clock = entry[1]
            self._replaced.remove(entry)

    def time(self) -> float:
        """Return the wall-clock time, seconds since the Unix epoch."""
        return self._now

    def monotonic(self) -> float:
        """Return the seconds since this clock was made."""
        return self._now - self._start

    def advance(self, seconds: float) -> None:
        """Move the clock; a negative number sets it back."""
        with self._guard:
            self._now += seconds

    def sleep(self, seconds: float) -> None:
        """Move the clock on at once."""
        with self._guard:
            self.sleeps.append(seconds)
            self._now += seconds

    async def asleep(self, seconds: float) -> None:
        """Let other coroutines run once, and move the clock on."""
        import asyncio

        running_loop()
        await asyncio.sleep(0)
        self.sleep(seconds)
