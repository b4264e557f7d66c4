"""Which of the times at which an entry was due are run."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pegboard_schedule._trigger import Trigger

# A minutely job that was away for a year has half a million missed times; nobody makes those up.
MISSED_MOST = 1_000


def times_until(trigger: Trigger, first: datetime, now: datetime) -> tuple[list[datetime], datetime | None]:
    """Return the times from `first` until now, at most a thousand, and the next one after now."""
    times = [first]
    following = trigger.following(first)
    while following is not None and following <= now:
        if len(times) == MISSED_MOST:
            return times, trigger.next(now)
        times.append(following)
        following = trigger.following(following)
    return times, following


def to_run(trigger: Trigger, times: list[datetime], lateness: float) -> list[datetime]:
    """Return the times that are run; `lateness` is that of the last, in seconds."""
    if trigger.misfire == "all":
        return times
    if trigger.misfire == "skip" and lateness > trigger.grace:
        return []
    return times[-1:]
