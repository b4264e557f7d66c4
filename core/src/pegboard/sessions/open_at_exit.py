"""Sessions that somebody entered and nobody left: ended where the program ends, and named."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pegboard import texts
from pegboard.parts.forks import after_fork, new_rlock
from pegboard.privacy import KNOWN, is_sensitive
from pegboard.sessions.ending import ENDING, hurrying_at_exit

if TYPE_CHECKING:
    from pegboard.sessions.session import Session


class OpenAtExit:
    """The sessions of this process that are entered; those of a parent process are the parent's to leave."""

    def __init__(self) -> None:
        self._guard = new_rlock()  # held, it may be taken again: the collector may leave a session
        self._sessions: dict[Session, int] = {}  # how often; in the order in which they were entered
        self._is_registered = self._ends_with_process = False
        after_fork(self._begin_anew)

    def note(self, session: Session) -> None:
        """Note one that is entered, once more, or is being ended."""
        with self._guard:
            self._sessions[session] = self._sessions.get(session, 0) + 1

    def add(self, session: Session) -> None:
        """Do that, and have it ended with the process."""
        self.note(session)
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
        """End all that are still entered, the last one first, and say so of each; where SIGTERM left them, only what was lost."""
        with hurrying_at_exit():
            self._end(_NEVER_LEFT, always=not ENDING.has_begun)

    def end_in_time(self) -> None:
        """Do the same after SIGTERM, while the threads go on that have not left them."""
        self._end(_LEFT_LATE, always=True)

    def _end(self, why: str, *, always: bool) -> None:
        sessions, self._sessions = self._sessions, {}
        for session, times in reversed(sessions.items()):
            if session.is_open:
                names = ", ".join(session.plugins) or "no plugins"
                lost = session.end_at_exit(times)
                if lost or always:
                    _warn(session.id, names, why, lost)

    def _begin_anew(self) -> None:
        self._sessions = {}
        self._ends_with_process = False


_NEVER_LEFT = (
    "session %s of %s was entered and never left, so it ended with the program%s. "
    "Leave it: with Session(...), or by closing what was to leave it"
)
_LEFT_LATE = (
    "session %s of %s was not left in time after SIGTERM, so it ended with the program%s. "
    "Have what runs in it look at session.is_draining, or install_sigterm(grace=...) give it more time"
)


def _warn(session_id: str, plugins: str, why: str, lost: list[str]) -> None:
    import logging

    logging.getLogger("pegboard").warning(
        why,
        session_id,
        plugins,
        f", and lost: {'; '.join(lost)}" if lost else "",
    )


def failure_text(error: BaseException) -> str:
    """What went wrong at an end, in one line without known secrets; of a sensitive error the class alone."""
    if is_sensitive(error):
        return type(error).__name__
    return texts.one_line(KNOWN.mask(f"{type(error).__name__}: {texts.text_of(error)}"))


OPEN_AT_EXIT = OpenAtExit()
