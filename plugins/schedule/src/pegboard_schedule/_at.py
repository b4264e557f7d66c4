"""Once, at a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import attrs

from pegboard_schedule import _checks
from pegboard_schedule._trigger import Trigger
from pegboard_schedule._zone_changes import existing

_NEVER_AGAIN = timedelta(days=365_000)


def _zone(value: object) -> tzinfo | None:
    return None if value is None else _checks.zone(value)


def _moment(value: Any, trigger: At) -> datetime | None:
    if value is None:
        return None
    if trigger.tz is not None and isinstance(value, datetime) and value.tzinfo is None:
        value = value.replace(tzinfo=trigger.tz)
    return existing(_checks.aware("when", value))


@attrs.frozen
class At(Trigger):
    """Once: at a time, or as soon as the schedule runs.

    Attributes:
        when: An aware datetime; a past one is due at once. None is due as soon as it is scheduled.
        tz: The zone that a naive `when` is in; without it, a naive one is refused.

    A time that the clock of its zone leaves out is the first moment after the gap.
    """

    # The zone comes first, as the time is read in it; both keep their places as arguments.
    when: datetime | None = attrs.field(default=None)
    tz: tzinfo | None = attrs.field(default=None, converter=_zone, repr=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "when", _moment(self.when, self))

    def next(self, after: datetime) -> datetime | None:
        """Return the time if it is still to come; `At(None)` is due whenever it is asked."""
        _checks.aware("after", after)
        if self.when is None:
            return after
        # In UTC, as two times of one zone are compared by what the clock shows.
        return self.when if self.when.astimezone(UTC) > after.astimezone(UTC) else None

    @property
    def rule(self) -> str:
        """The moment."""
        return f"at {'once' if self.when is None else self.when.isoformat()}"

    @property
    def is_prompt(self) -> bool:
        """Whether nobody has changed what it does."""
        return type(self) is At

    def first(self, now: datetime) -> datetime | None:
        """Return the time, also when it is over: then it is late."""
        return now if self.when is None else self.when

    def following(self, last: datetime) -> datetime | None:
        """Return None: there is one run."""
        del last
        return None

    def baseline(self, now: datetime) -> datetime:
        """Return a moment before the only run."""
        return (now if self.when is None else self.when).astimezone(UTC) - timedelta(seconds=1)

    def set_back_most(self) -> timedelta:
        """Return so much that what has run never runs again."""
        return _NEVER_AGAIN
