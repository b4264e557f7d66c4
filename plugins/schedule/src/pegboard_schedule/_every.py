"""At an interval."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Self

import attrs

from pegboard_schedule import _checks
from pegboard_schedule._trigger import Passed, Trigger
from pegboard_schedule._zone_changes import existing

_LEAST = 0.001


def _interval(value: object) -> timedelta:
    return timedelta(seconds=_checks.seconds("interval", value, _LEAST))


def _start(value: Any) -> datetime | None:
    return None if value is None else existing(_checks.aware("start", value)).astimezone(UTC)


@attrs.frozen
class Every(Trigger):
    """Again and again, so much time apart: counted from the start, not from the end of the run before, so nothing drifts.

    Attributes:
        interval: Seconds or a timedelta; at least a millisecond.
        start: The first run, an aware datetime; the later ones are whole intervals after it, by the clock. Without it the
            first is one interval after it was scheduled, and a clock that is set moves the runs with it.
    """

    interval: timedelta = attrs.field(converter=_interval)
    start: datetime | None = attrs.field(default=None, converter=_start, kw_only=True)
    _floats: bool = attrs.field(default=False, kw_only=True, repr=False, alias="_floats")

    def __attrs_post_init__(self) -> None:
        if self.jitter > self.interval.total_seconds():
            raise ValueError("jitter is longer than the interval, so that runs would overtake each other.")

    def next(self, after: datetime) -> datetime:
        """Return the next whole interval after the start; without one, one interval after `after`."""
        after = _checks.aware("after", after).astimezone(UTC)
        if self.start is None:
            return after + self.interval
        if after < self.start:
            return self.start
        return self.start + self.interval * ((after - self.start) // self.interval + 1)

    @property
    def rule(self) -> str:
        """The interval, and the start if one was given."""
        since = "" if self.start is None or self._floats else f" from {self.start.isoformat()}"
        return f"every {self.interval.total_seconds():g} s{since}"

    def passed(self, first: datetime, now: datetime, most: int) -> Passed:
        """Count by the calendar, however long that time was."""
        number = max((now - first) // self.interval, 0) + 1
        last = first + (number - 1) * self.interval
        times = [first + each * self.interval for each in range(min(number, most))]
        return Passed(times, number, last, last + self.interval)

    @property
    def is_prompt(self) -> bool:
        """Whether nobody has changed what it does."""
        return type(self) is Every

    def begun(self, now: datetime) -> Self:
        """Count from `now` if no start was given."""
        if self.start is not None and not self._floats:
            return self
        return attrs.evolve(self, start=now, _floats=True)

    def first(self, now: datetime) -> datetime:
        """Return the start if it is to come, or is now."""
        own = self.start is not None and not self._floats
        return now if own and self.start == now else self.next(now)

    def shifted(self, seconds: float) -> Self | None:
        """Move with the clock, so that the time between two runs stays what it is."""
        if not self._floats or self.start is None:
            return None
        return attrs.evolve(self, start=self.start + timedelta(seconds=seconds))

    def set_back_most(self) -> timedelta:
        """Return one interval: a longer silence would be no interval."""
        return self.interval
