"""What becomes of an entry when the clock is set."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pegboard_schedule._trigger import Trigger


class Standing(NamedTuple):
    """Where an entry stands: its trigger, when it is next due, and when it last was."""

    trigger: Trigger
    scheduled: datetime | None
    last: datetime | None


def thought_over(before: Standing, now: datetime, jump: float) -> Standing:
    """Return where an entry stands after the clock was set by `jump` seconds; times of a while ago do not come again."""
    trigger, scheduled, last = before
    by = timedelta(seconds=jump)
    shifted = trigger.shifted(jump)
    if shifted is not None:
        return Standing(shifted, scheduled and scheduled + by, last and last + by)
    if jump >= 0 or scheduled is None or scheduled <= now:
        return before
    if last is not None and timedelta(0) < last - now <= trigger.set_back_most():
        return before
    return Standing(trigger, trigger.next(now) or scheduled, last and min(last, now))
