"""What is kept of one task."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from time import time
from typing import TYPE_CHECKING, NamedTuple

from pegboard.parts import new_rlock
from pegboard.records import error_type
from pegboard.texts import encodable
from pegboard_metrics._counter import Counter
from pegboard_metrics.names import OTHER

if TYPE_CHECKING:
    from pegboard import Call

ERROR_TYPES_MOST = 10


class Times(NamedTuple):
    """When calls of a task last ended, in Unix time, or None.

    Attributes:
        success: Ok, with a value that is no fallback's.
        failure: In an error.
        other: In another way.
    """

    success: float | None
    failure: float | None
    other: float | None


class TaskSeries:
    """What is kept of all calls of the tasks of one name: of one session, or in the store of all.

    Args:
        name: The label value.
        on_overflow: Called for an error type over the cap.
        above: What is kept of the same task for more sessions; or None.

    Attributes:
        name: The label value: the task's static name, or `_OTHER` for all tasks over the cap.
        active: The calls that have begun and not ended.
        last_success: Unix time at which a call last ended ok, or None.
        last_failure: Unix time at which a call last ended in an error, or None.
        last_other: Unix time at which a call last ended in another way, or None.
        served: Calls answered from a cache or journal, which have no duration.
        served_failures: Those of them that failed all the same.
        not_run: Calls that ended without a run of the function.
        again: Runs of the function after the first of their call.
        below: What is kept of the same task for single sessions.
    """

    __slots__ = (
        "_above",
        "_error_types",
        "_guard",
        "_on_overflow",
        "active",
        "again",
        "below",
        "last_failure",
        "last_other",
        "last_success",
        "name",
        "not_run",
        "served",
        "served_failures",
    )

    def __init__(self, name: str, on_overflow: Callable[[], None], above: TaskSeries | None = None) -> None:
        self.name = name
        self._above: TaskSeries | None = above
        self.below: list[TaskSeries] = []
        self.active: set[Call] = set()
        self._forget_times()
        self.served: Counter = Counter(None if above is None else above.served)
        self.served_failures: Counter = Counter(None if above is None else above.served_failures)
        self.not_run: Counter = Counter(None if above is None else above.not_run)
        self.again: Counter = Counter(None if above is None else above.again)
        self._guard = new_rlock()
        self._error_types: set[str] = set()
        self._on_overflow = on_overflow
        if above is not None:
            above.below.append(self)

    def _forget_times(self) -> None:
        self.last_success: float | None = None
        self.last_failure: float | None = None
        self.last_other: float | None = None

    def begin_anew(self) -> None:
        """Begin at 0 in a forked child: calls that run are the parent's."""
        self.active.clear()
        self._forget_times()
        for counter in (self.served, self.served_failures, self.not_run, self.again):
            counter.begin_anew()

    def running(self) -> list[Call]:
        """List the calls that have begun and not ended, those of the sessions below included."""
        return [*tuple(self.active), *(call for series in tuple(self.below) for call in series.running())]

    def times(self) -> Times:
        """Tell when a call last ended, by how it did, in the sessions below too."""
        below = [series.times() for series in tuple(self.below)]
        own = Times(self.last_success, self.last_failure, self.last_other)
        return Times(*map(_latest, zip(own, *below, strict=True)))

    def note_time(self, status: str, source: str) -> None:
        """Keep that a call has ended now, and how: a fallback's value is no success."""
        now = time()
        if status == "ok" and source != "fallback":
            self.last_success = now
        elif status == "error":
            self.last_failure = now
        else:
            self.last_other = now

    def leave(self) -> None:
        """Hand the times up, and be no part of what is above any more: what was counted is there already."""
        if self._above is not None:
            self._above.let_go(self)

    def let_go(self, series: TaskSeries) -> None:
        """Take the times of one below, and forget it."""
        ended = series.times()
        with self._guard:
            self.last_success = _latest((self.last_success, ended.success))
            self.last_failure = _latest((self.last_failure, ended.failure))
            self.last_other = _latest((self.last_other, ended.other))
            if series in self.below:
                self.below.remove(series)

    def error_type(self, error: BaseException | None) -> str:
        """Name the type of an error; "" where there is none, `_OTHER` from the eleventh type of this task on."""
        return self.known_error_type(error_type(error))

    def known_error_type(self, name: str) -> str:
        """Do the same with the name of a type, as calls elsewhere tell it."""
        if self._above is not None:
            return self._above.known_error_type(name)
        name = encodable(name)
        if not name:
            return ""
        with self._guard:
            if name in self._error_types or len(self._error_types) < ERROR_TYPES_MOST:
                self._error_types.add(name)
                return name
        self._on_overflow()
        return OTHER


def _latest(times: Iterable[float | None]) -> float | None:
    return max((at for at in times if at is not None), default=None)
