"""The two questions of an orchestrator, and what is answered."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from pegboard.parts import after_fork
from pegboard.parts.awaiting import loop_runs_here
from pegboard.sessions.serving import SERVING
from pegboard_metrics import Metrics
from pegboard_prometheus.health.loop_watch import LoopWatch

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from pegboard import Session

LIVEZ, READYZ = "livez", "readyz"
_STILL = 10.0  # seconds in which a loop has to turn


class Health:
    """Whether this process is alive, and whether it is ready for work; whoever asks waits for no lock of a task.

    Args:
        stuck_after: Seconds that a call may go on before the process counts as stuck; None for as long as it likes.
        ready_when: Names of the sessions that have to be installed before the process is ready.
    """

    def __init__(self, stuck_after: float | None, ready_when: Collection[str]) -> None:
        self._stuck_after = stuck_after
        self._ready_when = frozenset(ready_when)
        self._sessions: list[Session] = []
        self._watch: LoopWatch | None = None
        self._ended_draining = False
        after_fork(self._begin_anew)

    def join(self, session: Session) -> None:
        """Answer for this session, too, from its start on."""
        self._sessions.append(session)
        self._ended_draining = False
        if loop_runs_here():  # from which it may be about to be installed
            import asyncio

            self._watch_loop(asyncio.get_running_loop(), session)

    def leave(self, session: Session) -> None:
        """Answer for it no more: it ends."""
        self._sessions.remove(session)
        self._ended_draining = session.is_draining
        if not self._sessions and self._watch is not None:
            self._watch.end()
            self._watch = None

    def question(self, name: str) -> Callable[[], str] | None:
        """Return what answers `livez` or `readyz`, with "" where all is well, else with what is not; None for another name."""
        return {LIVEZ: self._livez, READYZ: self._readyz}.get(name)

    def _livez(self) -> str:
        stuck, still = self._stuck_calls(), self._still_loops()
        return "; ".join(each for each in (stuck, still) if each)

    def _stuck_calls(self) -> str:
        metrics = next((found for each in self._sessions if (found := each.get(Metrics)) is not None), None)
        if self._stuck_after is None or metrics is None:
            return ""
        number = metrics.active_longer_than(self._stuck_after)
        return f"active for more than {self._stuck_after:g} s: {_calls(number)}" if number else ""

    def _still_loops(self) -> str:
        loop, session = SERVING.loop, SERVING.installed
        if loop is None or session is None:
            return ""
        if self._watch is None or self._watch.loop is not loop:
            self._watch_loop(loop, session)
        is_still = self._watch is not None and self._watch.stands_still(_STILL)
        return f"blocked for {_STILL:g} s: 1 event loop" if is_still else ""

    def _watch_loop(self, loop: AbstractEventLoop, session: Session) -> None:
        if self._watch is not None:
            self._watch.end()
        self._watch = LoopWatch(loop, session.clock.monotonic)

    def _readyz(self) -> str:
        installed = SERVING.installed
        known = [*self._sessions, *(() if installed is None else (installed,))]
        if any(session.is_draining for session in known) or (not known and self._ended_draining):
            return "draining"
        missing = self._missing(None if installed is None else installed.name)
        return f"not installed: {missing} of {_sessions(len(self._ready_when))}" if missing else ""

    def _missing(self, installed: str | None) -> int:
        """How many of the sessions that were named are yet to come: each has been installed, and one of them is."""
        if not self._ready_when:
            return 0
        return len(self._ready_when - SERVING.names) or int(installed not in self._ready_when)

    def _begin_anew(self) -> None:
        """In a forked child: the loop is the parent's."""
        self._watch = None


def _calls(number: int) -> str:
    return "1 call" if number == 1 else f"{number} calls"


def _sessions(number: int) -> str:
    return "1 session" if number == 1 else f"{number} sessions"
