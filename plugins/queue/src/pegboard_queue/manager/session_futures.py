"""Sessions wait for the items that run in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from concurrent.futures import Future

    from pegboard import Session


class _Hold:
    __slots__ = ("future", "ready", "running")

    def __init__(self) -> None:
        self.ready = 0
        self.running = 0
        self.future: Future[None] | None = None


class Holds:
    """Counts the items of each session that will run or do, and gives the session one future for all of them.

    So the session ends after them, as after what `task.submit` started. Items that only somebody else can bring on, the
    paused ones and those behind them, hold no session up.

    Attributes:
        paused: Whether the manager starts nothing at the moment.
    """

    def __init__(self) -> None:
        self.paused = False
        self._holds: dict[Session, _Hold] = {}

    def change(self, session: Session | None, *, ready: int = 0, running: int = 0) -> None:
        """Add to the counts of a session; the manager's guard is held."""
        if session is None:
            return
        hold = self._holds.get(session)
        if hold is None:
            hold = self._holds[session] = _Hold()
        hold.ready += ready
        hold.running += running
        self._look_at(session, hold)
        if not hold.ready and not hold.running:
            del self._holds[session]

    def pause(self, paused: bool) -> None:
        """Note that the manager stops starting items, or goes on."""
        self.paused = paused
        for session, hold in self._holds.items():
            self._look_at(session, hold)

    def _look_at(self, session: Session, hold: _Hold) -> None:
        wanted = hold.running > 0 or (hold.ready > 0 and not self.paused)
        if wanted and hold.future is None:
            from concurrent.futures import Future

            hold.future = Future()
            session.keep(hold.future)
        elif not wanted and hold.future is not None:
            hold.future.set_result(None)
            hold.future = None
