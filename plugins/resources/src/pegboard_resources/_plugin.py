"""The plugin that measures what calls take."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any

from pegboard import hookimpl
from pegboard.parts import checks, new_rlock
from pegboard_resources import hookspecs
from pegboard_resources._allocations import ALLOCATIONS
from pegboard_resources._errors import PsutilMissing
from pegboard_resources._gauges import Gauges
from pegboard_resources._growth import GrowthLimit
from pegboard_resources._observers import bind_observers
from pegboard_resources._option import Measured
from pegboard_resources._resident import resident_memory
from pegboard_resources._sampler import Sample, Sampler
from pegboard_resources._tracker import Tracker
from pegboard_resources._usage import Tally, Usage

if TYPE_CHECKING:
    from pegboard import Call, Session, Task

LONGEST_INTERVAL = 86_400.0  # seconds

_FLAG = checks.flag()
_INTERVAL = checks.seconds(above=0, most=LONGEST_INTERVAL).or_none("samples when asked only")


class Resources:
    """Measures CPU and wall time of every call, memory where asked for, and the process as a whole.

    CPU time is that of the thread a function runs in, so calls in other threads are not in it. Of coroutines and streams, whose
    steps take turns with others', and of functions within a time limit, which run in a thread apart, it is not known.

    Args:
        memory: Whether the growth of resident memory is measured for every task; without it, for those with `Measured`.
        allocations: Whether the peak of Python's own allocations is measured with it. That runs tracemalloc while a session is
            open, and makes Python two to four times slower.
        interval: Seconds between samples of the process; None takes one when asked only, and needs no thread.
    """

    name = "resources"
    hookspecs: ModuleType = hookspecs

    def __init__(
        self, *, memory: bool = False, allocations: bool = False, interval: float | None = 5.0
    ) -> None:
        _INTERVAL.check("interval", interval, owner="Resources")
        _FLAG.check("memory", memory, owner="Resources")
        _FLAG.check("allocations", allocations, owner="Resources")
        self._memory = memory
        self._allocations = allocations
        self._sampler = Sampler(interval)
        self._tracker = Tracker(resident_memory(), allocations=allocations)
        self._running: dict[Call, None] = {}
        self._tallies: dict[str, Tally] = {}
        self._gauges = Gauges(self._sampler.last)
        self._guard = new_rlock()
        self._sessions: set[Session] = set()

    @hookimpl
    def session_start(self, session: Session) -> None:
        """Begin to sample, and to trace allocations; show the samples where something measures."""
        _require_psutil()
        with self._guard:
            self._sampler.start()
            if self._allocations:
                ALLOCATIONS.start()
            self._sessions.add(session)
        self._gauges.publish(session)

    @hookimpl
    def session_forked(self, session: Session) -> None:
        """Begin at 0, and sample the child; sessions that are not installed are not gone on with."""
        self._running.clear()
        for tally in self._tallies.values():
            tally.begin_anew()
        self._sessions = {session}
        self._sampler.start()

    @hookimpl
    def session_end(self, session: Session) -> None:
        """Stop what the last session to end needs no more."""
        with self._guard:
            if self._allocations:
                ALLOCATIONS.stop()
            self._sessions.discard(session)
            if not self._sessions:
                self._sampler.stop()

    @hookimpl
    def bind(self, session: Session, task: Task[..., Any]) -> object:
        """Measure every task."""
        asked = task.option(Measured)
        limit = None if asked is None or asked.memory_limit is None else asked.memory_limit
        measured = self._memory or asked is not None
        self._gauges.publish(session)  # for metrics that were attached later
        with self._guard:
            tally = self._tallies.setdefault(task.name, Tally(task.name))
            if measured:
                self._tracker.turn_on(self._running)
        return bind_observers(
            tally,
            self._tracker,
            self._running,
            None if limit is None else GrowthLimit(session, task, limit),
            timed=task.kind == "function",
            measured=measured,
        )

    def sample(self) -> Sample:
        """Return the last sample of this process; a new one where no thread takes them."""
        return self._sampler.last()

    def usage(self, task: Task[..., Any]) -> Usage:
        """Sum up what the calls of a task took, in all sessions of this instance; zeros if it was never called.

        Tasks of the same name are one task here.
        """
        tally = self._tallies.get(task.name)
        return Usage(task.name) if tally is None else tally.usage()


def _require_psutil() -> None:
    try:
        import psutil  # type: ignore[import-untyped,unused-ignore]  # noqa: F401
    except ImportError as error:
        raise PsutilMissing(
            f"Resources samples the process with psutil, which cannot be imported: {error}.\n"
            f"Install it: pip install 'pegboard[resources]', or detach the plugin.",
            where="Resources",
            key="psutil",
        ) from error
