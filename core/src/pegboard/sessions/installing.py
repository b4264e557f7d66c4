"""Installing a session for the whole process, and uninstalling it while calls run in it."""

from __future__ import annotations

import atexit
import gc
import os
import sys
import time
from typing import TYPE_CHECKING

from pegboard.current import calls_around
from pegboard.errors import SessionError
from pegboard.parts.deadlines import time_for_work
from pegboard.parts.forks import new_rlock
from pegboard.plans.events import is_of_parent
from pegboard.sessions import configuration
from pegboard.sessions.ending import ENDING, hurrying_at_exit
from pegboard.sessions.open_at_exit import OPEN_AT_EXIT
from pegboard.sessions.serving import SERVING, goes_on, warn

if TYPE_CHECKING:
    from pegboard.calls.call import Call
    from pegboard.sessions.session import Session

GRACE = 20.0
_POLL = 0.01
_NAMES_MOST = 5
_guard = new_rlock()


def install(session: Session, *, replace: bool) -> None:
    """Do what `Session.install` does."""
    with _guard:
        before = SERVING.installed
        if before is session:
            SERVING.times += 1
            return
        _refuse(session, None if replace else before)
        lacking = _lacking(session)
        SERVING.install(None)
        SERVING.end_default()
        if before is not None:
            _end(before, GRACE)
        session.track_calls()
        session.acquire(None)
        SERVING.install(session)
        _forks.watch()
        _forks.end_with_process()
        atexit.register(_end_at_exit, session)
    if lacking:
        warn(
            "%r is installed, and lacks what the configuration names: %s. Attach them, or have it take what is configured: "
            "Session(..., configured=True).",
            session,
            ", ".join(lacking),
        )


def uninstall(session: Session, grace: float) -> None:
    """Do what `Session.uninstall` does."""
    with _guard:
        if SERVING.installed is not session:
            raise SessionError(
                f"{session!r} is not installed: it never was, or is over, or another took its place."
            )
        call = _call_around(session)
        if call is not None:
            raise SessionError(
                f"{session!r} cannot be uninstalled from inside task {call.task.name!r}: it would wait for that very call.\n"
                f"Uninstall it where no call of it runs, as at the end of the program."
            )
        SERVING.times -= 1
        if SERVING.times:
            return
        SERVING.install(None)
    _end(session, grace)


def leave(session: Session, place: tuple[int, object]) -> None:
    """End the installation of a session whose last `with` block is left where it was installed; of any other, nothing.

    Elsewhere, as in a request of a server, somebody entered what serves there already.
    """
    with _guard:
        if SERVING.installed is not session or SERVING.place != place:
            return
        SERVING.install(None)
    _end(session, GRACE, left=True)


class _Forks:
    """Has the installed session begin anew in forked children, after all that renews itself there."""

    def __init__(self) -> None:
        self._is_watching = False
        self._is_registered = False
        self._ends_in = 0  # the process

    def watch(self) -> None:
        """Watch from now on."""
        if self._is_watching or not hasattr(os, "register_at_fork"):
            return
        # Handlers are called in this order, and plugins may log, and use a pool: locks of these two are to be renewed before.
        import concurrent.futures.thread  # noqa: F401
        import logging  # noqa: F401

        self._is_watching = True
        os.register_at_fork(after_in_child=self._begin_anew)

    def _begin_anew(self) -> None:
        """In a forked child: its other sessions are those of threads that did not come along."""
        SERVING.elsewhere.clear()
        SERVING.loop = None
        session = SERVING.installed
        if session is None:
            return
        if not goes_on.get():
            SERVING.install(None)
            return
        self.end_with_process()
        SERVING.times = 1
        session.begin_anew()

    def end_with_process(self) -> None:
        """See to the end of a process of multiprocessing, which runs no `atexit`; what was set before it begins, it drops."""
        if "multiprocessing.util" in sys.modules:
            from multiprocessing import parent_process
            from multiprocessing.util import register_after_fork

            if not self._is_registered:
                self._is_registered = True
                register_after_fork(self, _Forks._finalize)
            if parent_process() is not None and self._ends_in != os.getpid():
                self._finalize()

    def _finalize(self) -> None:
        from multiprocessing.util import Finalize

        self._ends_in = os.getpid()
        Finalize(None, uninstall_now, exitpriority=20)


_forks = _Forks()


def _refuse(session: Session, other: Session | None) -> None:
    if other is not None:
        raise SessionError(
            f"{session!r} cannot be installed, as {other!r} is: one session serves the whole process.\n"
            f"Uninstall that one first, or let this one take its place: install(replace=True)."
        )
    if session.is_open and session.outer is not None:
        raise SessionError(
            f"{session!r} cannot be installed, as it was opened inside {session.outer!r} and ends with that one.\n"
            f"Install the outer one, or open this one where no other is."
        )


def _lacking(session: Session) -> list[str]:
    """Plugins that the configuration names for the session that serves without any other, and that this one has not."""
    return [name for name in configuration.load_config().plugins if name not in session.plugins]


def _call_around(session: Session) -> Call | None:
    """The call of a session, or of one inside it, that the running code belongs to, in this process."""
    for call in calls_around():
        if is_of_parent(call):
            continue
        inside: Session | None = call.session
        while inside is not None:
            if inside is session:
                return call
            inside = inside.outer
    return None


def _end(session: Session, grace: float, *, left: bool = False) -> None:
    """Wait for what runs in a session, end for observers what goes on, and end the session, or its block that is `left` does."""
    atexit.unregister(_end_at_exit)
    session.disown()
    until = time.monotonic() + grace
    if session.streams:
        gc.collect()  # closes those that nobody reads any more, as of a client that went away: a cycle may hold them
    with ENDING:
        OPEN_AT_EXIT.note(session)  # until it is over: the end of the process may come before
        try:
            while session.is_busy() and (time_for_work(until - time.monotonic()) or 0.0) > 0:
                time.sleep(_POLL)
        finally:  # a Ctrl-C ends the wait, and not what comes after it
            _tell_left(session, session.let_go(1 + left))
            try:
                session.release(None)
            finally:
                OPEN_AT_EXIT.remove(session)


def _tell_left(session: Session, left: list[Call]) -> None:
    if left:
        names = sorted({call.task.name for call in left})
        more = f" and {len(names) - _NAMES_MOST} more" if len(names) > _NAMES_MOST else ""
        warn(
            "%r is uninstalled while calls in it go on (%d, of %s%s): they count as cancelled, and what becomes of them is told to "
            "nobody.",
            session,
            len(left),
            ", ".join(names[:_NAMES_MOST]),
            more,
        )


def end_when_idle(session: Session) -> None:
    """End a session that serves nobody new, when what runs in it is over."""
    while session.is_busy():
        time.sleep(_POLL)
    session.release(None)


def drain_installed() -> None:
    """Have the installed session drain, if there is one."""
    if SERVING.installed is not None:
        SERVING.installed.begin_draining()


def uninstall_now() -> None:
    """End the installed session, if there is one, and wait for nothing that runs in it."""
    session = SERVING.installed
    if session is not None:
        SERVING.install(None)
        _end(session, 0.0)


def _end_at_exit(session: Session) -> None:
    """At the end of the process threads that matter have ended; what runs on are daemons."""
    if SERVING.installed is session:
        with hurrying_at_exit():
            uninstall_now()
