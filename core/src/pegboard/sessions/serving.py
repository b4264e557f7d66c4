"""Which session serves where no context has one of its own."""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from pegboard.current import active_session, outer_sessions
from pegboard.parts.awaiting import loop_runs_here
from pegboard.parts.forks import after_fork, new_rlock

if TYPE_CHECKING:
    import asyncio

    from pegboard.sessions.session import Session
    from pegboard.tasks.task import Task

_TASKS_TOLD_MOST = 10


class Serving:
    """The installed session, and the word where one is missing.

    Attributes:
        installed: The session that serves wherever no other is current; None without one.
        times: How often it was installed, and not uninstalled.
        place: Where: the thread, and the asyncio task that ran in it.
        loop: The event loop that it was installed from; None where none ran.
        names: Those of the sessions that were installed so far.
        state: A new object whenever the answer to "does this task need a session?" may have changed.
        elsewhere: The outermost sessions of the user's that are open in some context, in the order of their starts.
        end_default: Called before a session is installed: ends the one that served until now, once its calls are over.
    """

    def __init__(self) -> None:
        self.installed: Session | None = None
        self.times = 0
        self.place: tuple[int, object] | None = None
        self.loop: asyncio.AbstractEventLoop | None = None
        self.names: set[str] = set()
        self.state = object()
        self.elsewhere: dict[Session, None] = {}
        self.end_default: Callable[[], None] = lambda: None
        self._guard = (
            new_rlock()
        )  # held, it may be taken again: the collector may end a stream, whose body calls tasks
        self._told: weakref.WeakSet[Task[..., Any]] = weakref.WeakSet()
        self._words_left = _TASKS_TOLD_MOST
        after_fork(self._begin_anew)

    def _begin_anew(self) -> None:
        """In a forked child: the sessions that are open in this context came along, and those of other threads did not."""
        here = {active_session.get(), *outer_sessions.get()}
        self.elsewhere = {session: None for session in self.elsewhere if session in here}

    def install(self, session: Session | None) -> None:
        """Have this session serve from now on, or none."""
        self.installed = session
        self.times = 0 if session is None else 1
        self.place = None if session is None else place_here()
        self.loop = (
            sys.modules["asyncio"].get_running_loop() if session is not None and loop_runs_here() else None
        )
        if session is not None and session.name is not None:
            self.names.add(session.name)
        self.reconsider()

    def reconsider(self) -> None:
        """Have every task ask again whether it needs a session."""
        self.state = object()

    def opened(self, session: Session) -> None:
        """Note that a session of the user's is open, so that calls which it does not see are told of."""
        with self._guard:
            self.elsewhere[session] = None
            if len(self.elsewhere) == 1:
                self.reconsider()

    def closed(self, session: Session) -> None:
        """Take that back."""
        with self._guard:
            if self.elsewhere.pop(session, self) is None and not self.elsewhere:
                self.reconsider()

    def tell_unserved(self, task: Task[..., Any]) -> None:
        """Log that a session is open and does not see the calls of this task: once a task, and for ten of them at most."""
        if not self._words_left or task in self._told:
            return
        with self._guard:
            session = next(iter(self.elsewhere), None)
            if session is None or not self._words_left or task in self._told:
                return
            self._told.add(task)
            self._words_left -= 1
        warn(
            "task %r is called in thread %r, where no session is current, and %r, which is open elsewhere, does not see it: "
            "its plugins do nothing for this task.\nHave it serve the whole process with session.install(), or enter a session "
            "here. Session(quiet=True) says nothing.",
            task.name,
            threading.current_thread().name,
            session,
        )


SERVING = Serving()
goes_on: ContextVar[bool] = ContextVar("pegboard_goes_on", default=True)
"""Whether the installed session goes on in what is forked here: not in a worker, which has a session of its own."""


def place_here() -> tuple[int, object]:
    """Return the thread that runs here, and the asyncio task in it, or None."""
    return threading.get_ident(), sys.modules["asyncio"].current_task() if loop_runs_here() else None


def warn(message: str, *args: object) -> None:
    """Log what the user has to know of sessions."""
    import logging

    logging.getLogger("pegboard").warning(message, *args)
