"""Which of the times at which an entry was due are run."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from pegboard import texts
from pegboard_schedule._entry import Going
from pegboard_schedule._trigger import MISSED_MOST, Passed

if TYPE_CHECKING:
    from pegboard_schedule._entry import Entry
    from pegboard_schedule._trigger import Trigger


def passed_until(trigger: Trigger, first: datetime, now: datetime) -> Passed:
    """Return the times from `first` until now, with as many of them as may be made up."""
    passed = trigger.passed(first, now, MISSED_MOST if trigger.misfire == "all" else 0)
    if not isinstance(passed, Passed):
        raise TypeError(
            f"passed() of a trigger returns a Passed, not {texts.a(type(passed).__name__)}. Leave it out."
        )
    return passed


def runs_of(entry: Entry, passed: Passed, before: datetime | None, due: float, now: float) -> list[Going]:
    """Return the runs of an entry that was due at these times; those that are dropped are counted."""
    starts_last = due if passed.number == 1 else passed.last.timestamp()
    chosen = _chosen(entry.trigger, passed, now - starts_last)
    dropped = passed.number - len(chosen)
    if dropped:
        entry.miss(dropped)
    later = dropped if entry.trigger.misfire == "all" else 0
    starts = [due] if passed.number == 1 else [each.timestamp() for each in chosen]
    noted = [*chosen[:-1], passed.last]
    return [
        Going(entry, time, start, earlier, note, len(chosen) > 1, later)
        for time, start, earlier, note in zip(chosen, starts, [before, *chosen], noted, strict=False)
    ]


def _chosen(trigger: Trigger, passed: Passed, lateness: float) -> list[datetime]:
    if trigger.misfire == "all":
        return passed.times
    if trigger.misfire == "skip" and lateness > trigger.grace:
        return []
    return [passed.last]
