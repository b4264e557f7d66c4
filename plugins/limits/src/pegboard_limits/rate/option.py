"""What a task asks for: that its runs are spread over time."""

from __future__ import annotations

import re

import attrs

from pegboard import Option
from pegboard.parts import checks
from pegboard_limits import _checks

_UNITS = {
    "s": 1,
    "sec": 1,
    "second": 1,
    "min": 60,
    "minute": 60,
    "h": 3600,
    "hour": 3600,
    "d": 86400,
    "day": 86400,
}
_RATE = re.compile(r"\s*(?P<number>[0-9_]+)\s*(?:/|per\b)\s*(?P<span>.+?)\s*")
_SPAN = re.compile(r"(?P<many>[0-9.]*)\s*(?P<unit>[A-Za-z]+)")
_FORMS = "Write '100/min', '5/s', '900/15min', or RateLimit(100, per=60). Units: s, sec, second, min, minute, h, hour, d, day."

_NUMBER = checks.whole(hint=f"That many in the time that per= says.\n{_FORMS}")


def _span(given: object) -> float:
    """Turn what stands behind the slash into seconds."""
    if isinstance(given, bool) or not isinstance(given, int | float | str):
        raise TypeError(f"per is a number of seconds or a unit, not {checks.shown(given)}.\n{_FORMS}")
    if not isinstance(given, str):
        return float(given)
    found = _SPAN.fullmatch(given.strip())
    unit = found["unit"].lower() if found else ""
    seconds = _UNITS.get(unit) or _UNITS.get(unit.removesuffix("s"))
    if found is None or seconds is None:
        raise ValueError(f"{checks.shown(given)} is no span of time.\n{_FORMS}")
    try:
        return float(found["many"] or 1) * seconds
    except ValueError:
        raise ValueError(f"{checks.shown(given)} is no span of time.\n{_FORMS}") from None


def _parsed(rate: object, per: object) -> tuple[int, float]:
    """Tell the number of runs, and the seconds that they are spread over."""
    if isinstance(rate, str):
        found = _RATE.fullmatch(rate)
        if found is None:
            raise ValueError(
                f"{checks.shown(rate)} is no rate: it is a number of runs per span of time.\n{_FORMS}"
            )
        if per is not None:
            raise TypeError(
                f"the rate {checks.shown(rate)} has its span of time in it already; leave per={checks.shown(per)} out."
            )
        return int(found["number"].replace("_", "") or 0), _span(found["span"])
    number = _NUMBER.check("rate", rate, owner="RateLimit")
    if per is None:
        raise TypeError(f"RateLimit(...) lacks its span of time: {checks.shown(number)} per what?\n{_FORMS}")
    return number, _span(per)


@attrs.frozen
class RateLimit(Option):
    """Let the task run so often in a span of time; further attempts wait for their turn, first come first served.

    A token bucket: it holds `burst` runs and gets `number` new ones every `seconds`, evenly. So the runs in any t seconds
    are at most `burst + t * number / seconds`. Every attempt takes one, retries too. A task may have several.

    Attributes:
        rate: `100/min`, `5 per second`, `900/15min`; or a whole number, together with `per`.
        burst: How many may run at once after a quiet time. None is the number of the rate; 1 spaces all runs evenly.
        name: Tasks that name the same rate limit share it, within one `Limits`. None is one of the task's own.
        per: The span of time, in seconds or as a unit, when `rate` is a number.
        max_wait: Seconds that an attempt may wait before `LimitExceeded` is raised instead, at once; 0 never waits,
            None waits as long as it takes.
        number, seconds: The rate, taken apart.
    """

    plugin_name = "limits"
    repeatable = True

    rate: str | int
    burst: int | None = attrs.field(
        default=None, validator=checks.whole(least=1).or_none("the number of the rate")
    )
    name: str | None = attrs.field(default=None, validator=_checks.name)
    per: float | str | None = attrs.field(default=None, kw_only=True)
    max_wait: float | None = attrs.field(
        default=None, validator=checks.seconds().or_none("any wait"), kw_only=True
    )
    number: int = attrs.field(init=False, repr=False)
    seconds: float = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        number, seconds = _parsed(self.rate, self.per)
        if number < 1 or not 0 < seconds < float("inf"):
            raise ValueError(
                f"a rate lets at least 1 run in more than 0 seconds, not {number} in {seconds:g}.\n{_FORMS}"
            )
        object.__setattr__(self, "number", number)  # frozen
        object.__setattr__(self, "seconds", seconds)

    @property
    def settings(self) -> tuple[object, ...]:
        """What all tasks that share a rate limit have to say alike."""
        return self.number, self.seconds, self.burst or self.number
