"""Sessions that somebody entered and nobody left: ended where the program ends, and named."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pegboard import texts
from pegboard.parts.forks import after_fork, new_rlock

if TYPE_CHECKING:
    from pegboard.sessions.session import Session


class OpenAtExit:
    """The sessions of this process that are entered; those of a parent process are the parent's to leave."""

    def __init__(self) -> None:
        self._guard = new_rlock()  # held, it may be taken again: the collector may leave a session
        self._sessions: dict[Session, int] = {}  # how often; in the order in which they were entered
        self._is_registered = self._ends_with_process = False
        after_fork(self._begin_anew)

    def add(self, session: Session) -> None:
        """Note one that is entered, once more."""
        with self._guard:
            self._sessions[session] = self._sessions.get(session, 0) + 1
        if not self._is_registered:
            import atexit

            self._is_registered = True
            atexit.register(self.end)
        if not self._ends_with_process and "multiprocessing.process" in sys.modules:
            self._ends_with_process = True
            from multiprocessing import parent_process
            from multiprocessing.util import Finalize

            if (
                parent_process() is not None
            ):  # it ends without `atexit`; before the queues of exporters, at 10
                Finalize(None, self.end, exitpriority=20)

    def remove(self, session: Session) -> None:
        """Note that one is left, which may have been entered several times."""
        with self._guard:
            left = self._sessions.pop(session, 1) - 1
            if left:
                self._sessions[session] = left

    def drain(self, around: Session | None = None) -> None:
        """Have those drain that are `around` or inside it, or all; the outer ones first."""
        for session in list(self._sessions):
            if around is None or session.is_inside(around):
                session.begin_draining()

    def end(self) -> None:
        """End all that are still entered, the last one first, and say so of each."""
        sessions, self._sessions = self._sessions, {}
        for session, times in reversed(sessions.items()):
            if session.is_open:
                names = ", ".join(session.plugins) or "no plugins"
                _warn(session.id, names, session.end_at_exit(times))

    def _begin_anew(self) -> None:
        self._sessions = {}
        self._ends_with_process = False


def _warn(session_id: str, plugins: str, lost: list[str]) -> None:
    import logging

    logging.getLogger("pegboard").warning(
        "session %s of %s was entered and never left, so it ended with the program%s. "
        "Leave it: with Session(...), or by closing what was to leave it",
        session_id,
        plugins,
        f", and lost: {'; '.join(lost)}" if lost else "",
    )


def failure_text(error: BaseException) -> str:
    """What went wrong at an end, in one line."""
    return texts.one_line(f"{type(error).__name__}: {texts.text_of(error)}")


OPEN_AT_EXIT = OpenAtExit()
