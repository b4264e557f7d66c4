"""For plugins whose own engine runs functions in other processes: what they need at home and on the worker's side.

Their `make_executor` returns `ProcessPlace(name, executor)`, and their class has `hookspecs = engine.hookspecs`. The
executor is handed a function and its arguments by `Executor.submit`, and runs it in any process that has the same
packages. There, that function opens a session for the calls that it makes. That a worker died, it says by a `BrokenExecutor`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pegboard_processes import hookspecs
from pegboard_processes.home.placing import ProcessPlace
from pegboard_processes.wire.pickling import dumps, loads
from pegboard_processes.wire.progress import Progress, progress_here
from pegboard_processes.worker.sessions import WORKER_SESSIONS

__all__ = ["ProcessPlace", "Run", "dumps", "end_session", "end_sessions", "hookspecs", "loads"]


class Run:
    """One submitted function at work in this process, that can be told to leave out what it has not begun.

    Several may be at work at once, in threads of their own.
    """

    def __init__(self) -> None:
        self._progress = Progress()

    def stop(self) -> None:
        """Let the item at work end, and begin no other; from any thread, before or while it runs."""
        self._progress.stopped = 1

    def __call__(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Run the function that was submitted."""
        token = progress_here.set((self._progress, 1))
        try:
            return function(*args, **kwargs)
        finally:
            progress_here.reset(token)


def end_session(session_id: str) -> None:
    """End what this process opened for a session at home: its plugins' `session_end` runs, and exporters send what they have.

    While a function of that session is still at work here, that waits for its end, and this returns at once.
    """
    WORKER_SESSIONS.end(session_id)


def end_sessions() -> None:
    """End all sessions that this process opened for others, before it ends itself."""
    WORKER_SESSIONS.close()
