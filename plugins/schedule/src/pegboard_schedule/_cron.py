"""By cron expression."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo

import attrs
from cronsim import CronSim, CronSimError

from pegboard_schedule import _checks
from pegboard_schedule._errors import InvalidCron
from pegboard_schedule._trigger import Trigger

_FIELDS = ("minute", "hour", "day of month", "month", "day of week")
_NAMED = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_SAMPLE = datetime(2024, 1, 1, tzinfo=UTC)


def _expression(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(
            f"a cron expression is a string such as '0 2 * * *', and this is of type {type(value).__name__}."
        )
    text = _NAMED.get(value.strip().lower(), value)
    fields = text.split()
    if len(fields) != len(_FIELDS):
        raise InvalidCron(
            f"the cron expression {value!r} has {len(fields)} fields, and a missing one does not stand for `*`.\n"
            f"Write all five: {', '.join(_FIELDS)}. For less than a minute there is Every(seconds).",
            expression=value,
        )
    # Sunday ends a week as well as it begins one: FRI-SUN.
    fields[4] = re.sub(r"-SUN\b", "-7", fields[4], flags=re.IGNORECASE)
    text = " ".join(fields)
    try:
        next(CronSim(text, _SAMPLE))
    except CronSimError as error:
        raise InvalidCron(
            f"the cron expression {value!r} cannot be used: {error}.\n"
            f"Fields are {', '.join(_FIELDS)}; each is `*`, a number, a name, a range, a step or a list of these, "
            f"and together they have to come true some day.",
            expression=value,
        ) from None
    except StopIteration:
        raise InvalidCron(
            f"the cron expression {value!r} does not come true within 50 years. Mend its day, month or weekday.",
            expression=value,
        ) from None
    return text


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

    def next(self, after: datetime) -> datetime | None:
        """Return the next time, in the zone of the trigger."""
        after = _checks.aware("after", after)
        for found in CronSim(self.expression, after.astimezone(self.tz)):
            # Both compared in UTC: within one zone, datetimes compare by what the clock shows. A time that comes
            # twice may lie before `after`, when that is in its second hour.
            if found.astimezone(UTC) > after.astimezone(UTC):
                return found
        return None

    @property
    def rule(self) -> str:
        """The expression and the zone."""
        return f"cron {self.expression} in {self.tz}"

    def set_back_most(self) -> timedelta:
        """Return three hours for a fixed time, as cron has it, and a minute for what goes by elapsed time."""
        minute, hour, *_ = self.expression.split()
        fixed = not minute.startswith("*") and not hour.startswith("*")
        return timedelta(hours=3) if fixed else timedelta(minutes=1)
