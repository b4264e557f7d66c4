"""How long what ends may still wait: as it likes, unless the process was asked to end, or the end was interrupted twice."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextvars import ContextVar

from pegboard.parts.contexts import context_manager

_FOREVER = float("inf")
_is_hurried: ContextVar[bool] = ContextVar("pegboard_end_is_hurried", default=False)


class Deadlines:
    """Of the process, by the monotonic clock.

    Attributes:
        work: Until when what runs may go on.
        ends: Until when exporters may write and send what they have.
    """

    work = ends = _FOREVER


OF_PROCESS = Deadlines()


def time_for_work(most: float | None = None) -> float | None:
    """Return how many seconds to wait for what runs: so many, or as many as are left; None without a limit."""
    return _within(_FOREVER if most is None else most, OF_PROCESS.work)


def time_for_end(most: float) -> float:
    """Return how many seconds an end may take to write and send what it has: so many, or as many as are left.

    An end that waits asks this: `thread.join(time_for_end(2.0))`. With 0 it does what takes no wait.
    """
    return _within(most, OF_PROCESS.ends) or 0.0


@context_manager
def hurrying() -> Iterator[None]:
    """Have ends in this context wait for nothing any more."""
    before = _is_hurried.set(True)
    try:
        yield
    finally:
        _is_hurried.reset(before)


def _within(most: float, until: float) -> float | None:
    seconds = 0.0 if _is_hurried.get() else min(most, max(until - time.monotonic(), 0.0))
    return None if seconds == _FOREVER else seconds
