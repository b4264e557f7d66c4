"""What all triggers have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, Self

import attrs

from pegboard import Option
from pegboard.parts import checks
from pegboard_schedule import _checks
from pegboard_schedule._errors import ScheduleError

if TYPE_CHECKING:
    from attrs import Attribute

# A minutely trigger that was away for a year has half a million missed times; nobody makes those up.
MISSED_MOST = 1_000

Overlap = Literal["skip", "queue", "allow"]
Misfire = Literal["once", "skip", "all"]
_ONE_OF: dict[str, tuple[str, ...]] = {
    "overlap": ("skip", "queue", "allow"),
    "misfire": ("once", "skip", "all"),
}


def later(time: object, after: datetime) -> datetime | None:
    """Return a time that a trigger answered with, in UTC where it says nothing else.

    Raises:
        TypeError: It is no datetime.
        ValueError: It has no time zone.
        ScheduleError: It is not later, so that the task would be due for ever.
    """
    if time is None:
        return None
    found = _checks.aware("what a trigger returns", time)
    if found.astimezone(UTC) <= after.astimezone(UTC):
        raise ScheduleError(
            f"a trigger was asked for a time later than {after.isoformat()} and returned {found.isoformat()}, "
            f"so that its task would be due for ever.\nLet `next(after)` return a time that is strictly later, or None."
        )
    return found


def _one_of(_: Trigger, field: Attribute[Any], value: object) -> None:
    known = _ONE_OF[field.name]
    if value not in known:
        raise ValueError(f"{field.name} is one of {', '.join(map(repr, known))}, not {checks.shown(value)}.")


def _grace(value: object) -> float:
    return _checks.seconds("grace", value, 0.0)


def _jitter(value: object) -> float:
    return _checks.seconds("jitter", value, 0.0)


@attrs.frozen
class Passed:
    """The times at which a task was due until now.

    Attributes:
        times: The earliest, as many as were asked for.
        number: How many there are in all; at least so many where nobody can say.
        last: The latest.
        following: The first one that is to come, or None.
    """

    times: list[datetime]
    number: int
    last: datetime
    following: datetime | None


@attrs.frozen(kw_only=True)
class Trigger(Option, ABC):
    """The rule that says when a task is due; base of all triggers, and of your own, which need only `next`.

    On a task, a trigger does nothing by itself: the schedule takes the triggers of the tasks it is given.

    Attributes:
        overlap: What becomes of a run that is due while the one before goes on: `skip` drops it, `queue` lets it begin when
            that has ended (one waits at most), `allow` lets both go on.
        misfire: What becomes of runs that were missed, by a pause of the process or a jump of the clock: `once` makes
            up for all of them with one run, `skip` drops what is more than `grace` late, `all` makes up each, in order.
        grace: Seconds that a run may be late and still begin with `misfire="skip"`.
        jitter: Seconds; each run begins up to so much later, by chance, so that many do not begin at once.
    """

    plugin_name = "schedule"
    repeatable = True

    overlap: Overlap = attrs.field(default="skip", validator=_one_of)
    misfire: Misfire = attrs.field(default="once", validator=_one_of)
    grace: float = attrs.field(default=60.0, converter=_grace)
    jitter: float = attrs.field(default=0.0, converter=_jitter)

    @abstractmethod
    def next(self, after: datetime) -> datetime | None:
        """Return the first time strictly later than an aware `after` at which the task is due, or None."""

    @property
    def rule(self) -> str:
        """What says when the task is due, in short. A stored last run counts only for the same rule."""
        return repr(self)

    @property
    def is_prompt(self) -> bool:
        """Whether it is Pegboard's own: it answers at once. Any other is asked in a thread that it may keep."""
        return False

    # What the schedule asks; a trigger of your own may leave these as they are.

    def begun(self, now: datetime) -> Self:
        """Return the trigger as it is from `now` on; one that counts from its beginning remembers it."""
        del now
        return self

    def first(self, now: datetime) -> datetime | None:
        """Return when a task that is added now is first due."""
        return self.next(now)

    def following(self, last: datetime) -> datetime | None:
        """Return when a task is due after it was due at `last`."""
        return self.next(last)

    def passed(self, first: datetime, now: datetime, most: int) -> Passed:
        """Return the times from `first` until now; of a trigger that is asked for each, `MISSED_MOST` are counted.

        Raises:
            TypeError: It returned what is no aware datetime.
            ScheduleError: A time is not later than the one before.
        """
        times, following = [first], later(self.following(first), first)
        while following is not None and following <= now and len(times) < MISSED_MOST:
            times.append(following)
            following = later(self.following(following), following)
        if following is not None and following <= now:
            following = later(self.next(now), now)
        return Passed(times[:most], len(times), times[-1], following)

    def baseline(self, now: datetime) -> datetime:
        """Return what a store notes as the last run of a task that is new to it: what comes after that is to be run."""
        return now

    def shifted(self, seconds: float) -> Self | None:
        """Return the trigger after the clock was set by so much, if it counts elapsed time; None if it goes by the clock."""
        del seconds
        return None

    def set_back_most(self) -> timedelta:
        """Return by how much the clock may be set back without times that have been coming again."""
        return timedelta(minutes=1)
