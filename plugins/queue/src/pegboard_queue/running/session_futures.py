"""Sessions wait for the items that run in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from pegboard import Session


class _Counts:
    """The items of one session that are ready or run, and the future that it waits for meanwhile."""

    __slots__ = ("future", "ready", "running")

    def __init__(self) -> None:
        self.ready = 0
        self.running = 0
        self.future: Future[None] | None = None


class SessionFutures:
    """Counts the items of each session that will run or do, and gives the session one future for all of them.

    So the session ends after them, as after what `task.submit` started. Items that only somebody else can bring on, the
    paused ones and those behind them, hold no session up. The manager's guard is held.

    Args:
        needs_this_thread: Tells whether the items could not end while this thread waits for them.
    """

    def __init__(self, needs_this_thread: Callable[[], bool] | None = None) -> None:
        self._needs_this_thread = needs_this_thread
        self._paused = False
        self._counts: dict[Session, _Counts] = {}

    def change(self, session: Session | None, *, ready: int = 0, running: int = 0) -> None:
        """Add to the counts of a session."""
        if session is None:
            return
        counts = self._counts.get(session)
        if counts is None:
            counts = self._counts[session] = _Counts()
        counts.ready += ready
        counts.running += running
        self._update(session, counts)
        if not counts.ready and not counts.running:
            del self._counts[session]

    def pause(self, paused: bool) -> None:
        """Note that the manager stops starting items, or goes on."""
        self._paused = paused
        for session, counts in self._counts.items():
            self._update(session, counts)

    def release_all(self) -> None:
        """Hold up no session any more."""
        counts, self._counts = self._counts, {}
        for each in counts.values():
            if each.future is not None:
                each.future.set_result(None)

    def _update(self, session: Session, counts: _Counts) -> None:
        wanted = counts.running > 0 or (counts.ready > 0 and not self._paused)
        if wanted and counts.future is None:
            from concurrent.futures import Future

            counts.future = Future()
            session.keep(counts.future, needs_this_thread=self._needs_this_thread)
        elif not wanted and counts.future is not None:
            counts.future.set_result(None)
            counts.future = None
