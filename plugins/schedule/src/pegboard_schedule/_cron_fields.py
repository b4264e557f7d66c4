"""What the five fields of a cron expression say."""

from __future__ import annotations

import attrs

NAMES = ("minute", "hour", "day of month", "month", "day of week")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
LAST = 0  # among days of a month and places in it, which are counted from 1
LAST_WEEKDAY = -1


class FieldError(ValueError):
    """Raised where a field means nothing."""


@attrs.frozen(cache_hash=True)
class Fields:
    """The values of an expression.

    Attributes:
        minutes: Those of a day, 0 to 1439, in order: all minutes of all hours.
        days: Of the month; may hold `LAST` and `LAST_WEEKDAY`.
        months: From 1.
        weekdays: Sunday is 0.
        nth_weekdays: Pairs of a weekday and its place in the month, from 1; `LAST` for the last.
        both: Whether day of month and day of week both have to fit, and not one of them.
        elapsed: Whether it goes by elapsed time, as minute or hour begin with `*`.
    """

    minutes: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    nth_weekdays: frozenset[tuple[int, int]]
    both: bool
    elapsed: bool


def read(texts: list[str]) -> Fields:
    """Read five fields.

    Raises:
        FieldError: One means nothing.
    """
    minute, hour, day, month, weekday = (text.upper() for text in texts)
    minutes, hours = _MINUTE.numbers(minute.split(",")), _HOUR.numbers(hour.split(","))
    days, weekdays = day.split(","), weekday.split(",")
    ends = {"L": LAST, "LW": LAST_WEEKDAY}
    nth = [term for term in weekdays if "#" in term or term.endswith("L")]
    return Fields(
        tuple(sorted(60 * hour + minute for hour in hours for minute in minutes)),
        _DAY.numbers([term for term in days if term not in ends])
        | {ends[term] for term in days if term in ends},
        _MONTH.numbers(month.split(",")),
        frozenset(number % 7 for number in _WEEKDAY.numbers([term for term in weekdays if term not in nth])),
        frozenset(map(_nth_weekday, nth)),
        both=day.startswith("*") or weekday.startswith("*"),
        elapsed=minute.startswith("*") or hour.startswith("*"),
    )


@attrs.frozen
class _Field:
    """One of the five: its name, its least and greatest number, and names for its numbers, from the least."""

    name: str
    least: int
    most: int
    names: tuple[str, ...] = ()

    def numbers(self, terms: list[str]) -> frozenset[int]:
        return frozenset(number for term in terms for number in self.term(term))

    def term(self, text: str) -> range:
        """Return the numbers of `*`, a value or a range, each with or without a step; a value with one goes to the end."""
        base, slash, step = text.partition("/")
        begin, dash, end = base.partition("-")
        if base == "*":
            first, last = self.least, self.most
        elif dash:
            first, last = self.span(begin, end)
        else:
            first = self.value(begin)
            last = self.most if slash else first
        return range(first, last + 1, self.step(step) if slash else 1)

    def span(self, begin: str, end: str) -> tuple[int, int]:
        first, last = self.value(begin), self.value(end)
        if last < first:
            raise FieldError(
                f"the range {begin}-{end} of its {self.name} ends before it begins; write two ranges: "
                f"{begin}-{self.most},{self.least}-{end}"
            )
        return first, last

    def value(self, text: str) -> int:
        if text in self.names:
            return self.least + self.names.index(text)
        if not (text.isascii() and text.isdecimal() and self.least <= int(text[:9]) <= self.most):
            names = f" or {self.names[0]} to {self.names[-1]}" if self.names else ""
            raise FieldError(f"{text!r} is no {self.name}: that is {self.least} to {self.most}{names}")
        return int(text)

    def step(self, text: str) -> int:
        if not (text.isascii() and text.isdecimal() and int(text[:9]) > 0):
            raise FieldError(f"{text!r} is no step of its {self.name}: that is a whole number from 1")
        return int(text[:9])


class _Weekdays(_Field):
    """Days of the week: Sunday is 0 and 7, so that it may begin and end a range."""

    def span(self, begin: str, end: str) -> tuple[int, int]:
        first, last = self.value(begin), self.value(end)
        if first % 7 == last % 7 and (first == last or last < first or "SUN" in (begin, end)):
            return first, first  # from Sunday to Sunday is one day; 0-7 are all
        if last == 0:
            return first, 7
        if first == 7:
            return 0, last
        return super().span(begin, end)


_MINUTE = _Field("minute", 0, 59)
_HOUR = _Field("hour", 0, 23)
_DAY = _Field("day of month", 1, 31)
_MONTH = _Field("month", 1, 12, _MONTHS)
_WEEKDAY = _Weekdays("day of week", 0, 7, _WEEKDAYS)


def _nth_weekday(text: str) -> tuple[int, int]:
    weekday, sharp, place = text.partition("#")
    if not sharp:
        return _WEEKDAY.value(text.removesuffix("L")) % 7, LAST
    if place not in ("1", "2", "3", "4", "5"):
        raise FieldError(
            f"{place!r} is no place of a weekday in a month: MON#1 is the first Monday, and MON#5 the fifth"
        )
    return _WEEKDAY.value(weekday) % 7, int(place)
