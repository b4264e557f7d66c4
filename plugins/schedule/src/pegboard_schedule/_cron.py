"""By cron expression."""

from __future__ import annotations

from datetime import MAXYEAR, UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import attrs

from pegboard.parts import checks
from pegboard_schedule import _checks, _cron_fields, _cron_rule
from pegboard_schedule._cron_clock import CronClock
from pegboard_schedule._cron_fields import NAMES
from pegboard_schedule._errors import InvalidCron
from pegboard_schedule._moments import from_seconds, whole_seconds
from pegboard_schedule._trigger import Passed, Trigger

_NAMED = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_SAMPLE = 1_704_067_200  # 2024, which has a 29th of February


def _expression(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(
            f"a cron expression is a string such as '0 2 * * *', and this is of type {type(value).__name__}."
        )
    text = _NAMED.get(value.strip().lower(), value)
    fields = text.split()
    if len(fields) != len(NAMES):
        raise InvalidCron(
            f"the cron expression {checks.shown(value)} has {len(fields)} fields, and a missing one does not stand for `*`.\n"
            f"Write all five: {', '.join(NAMES)}. For less than a minute there is Every(seconds).",
            expression=value,
        )
    try:
        found = _cron_rule.first_from(_cron_fields.read(fields), _SAMPLE)
    except _cron_fields.FieldError as error:
        raise InvalidCron(
            f"the cron expression {checks.shown(value)} cannot be used: {error}.\n"
            f"Fields are {', '.join(NAMES)}; each is `*`, a value, a range, a step or a list of these.",
            expression=value,
        ) from None
    if found is None:
        raise InvalidCron(
            f"the cron expression {checks.shown(value)} does not come true within 50 years. Mend its day, month or weekday.",
            expression=value,
        )
    return " ".join(fields)


def _clock(trigger: Cron) -> CronClock:
    return CronClock(_cron_fields.read(trigger.expression.split()), trigger.tz)


@attrs.frozen
class Cron(Trigger):
    """By the clock on the wall: at the minutes, hours, days, months and weekdays of a cron expression.

    On the days on which clocks change, a job with a fixed minute and hour runs once: at the first moment there is when its
    time is skipped, and at the first of two when it comes twice. Where minute or hour begin with `*`, it goes by
    elapsed time: an hour that comes twice has its runs twice.

    Attributes:
        expression: Five fields: minute, hour, day of month, month, day of week (0 and 7 are Sunday). Also `@hourly`,
            `@daily`, `@weekly`, `@monthly`, `@yearly`. A task is due when day of month *or* day of week fit, if
            neither begins with `*`.
        tz: The zone whose clock counts, by name or as a tzinfo.
    """

    expression: str = attrs.field(converter=_expression)
    tz: tzinfo = attrs.field(default=UTC, converter=_checks.zone)
    _by_clock: CronClock = attrs.field(
        default=attrs.Factory(_clock, takes_self=True), init=False, repr=False, eq=False
    )

    def next(self, after: datetime) -> datetime | None:
        """Return the next time, in the zone of the trigger; None after those 50 years, and those of datetime."""
        try:
            found = self._by_clock.first_from(whole_seconds(_checks.aware("after", after)) + 1)
            return None if found is None else from_seconds(found, self.tz)
        except (OverflowError, ValueError):  # the calendar is at its end
            if after.year < MAXYEAR - 50:
                raise
            return None

    @property
    def is_prompt(self) -> bool:
        """Whether nobody has changed what it does, and its zone is of the standard library."""
        return type(self) is Cron and isinstance(self.tz, timezone | ZoneInfo)

    def passed(self, first: datetime, now: datetime, most: int) -> Passed:
        """Count by the calendar, however long that time was."""
        following = self.next(first)
        if following is None or following > now:
            return Passed([first][:most], 1, first, following)
        begin, end = whole_seconds(first), whole_seconds(now)
        number, last = self._by_clock.count(begin, end), self._by_clock.last_until(end)
        times = self._from(first, min(number, most))
        return Passed(times, number, from_seconds(last, self.tz), self.next(now))

    @property
    def rule(self) -> str:
        """The expression and the zone."""
        return f"cron {self.expression} in {self.tz}"

    def set_back_most(self) -> timedelta:
        """Return three hours for a fixed time, as cron has it, and a minute for what goes by elapsed time."""
        return timedelta(minutes=1) if self._by_clock.fields.elapsed else timedelta(hours=3)

    def _from(self, first: datetime, most: int) -> list[datetime]:
        times = [first][:most]
        while len(times) < most and (following := self.next(times[-1])) is not None:
            times.append(following)
        return times
