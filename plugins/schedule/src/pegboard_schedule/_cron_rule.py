"""At which times of a clock that never changes an expression is due."""

from __future__ import annotations

from bisect import bisect_left
from calendar import monthrange
from collections.abc import Iterator
from datetime import date
from functools import lru_cache

from pegboard_schedule._cron_fields import LAST, LAST_WEEKDAY, Fields

_DAY = 86_400
_YEARS = 50
_EPOCH = date(1970, 1, 1).toordinal()

# Times are what the clock on the wall shows, as whole seconds since 1970 of that clock, where each day has 86,400.


def first_from(fields: Fields, time: int) -> int | None:
    """Return the first time that is not earlier; None if there is none within 50 years, or before the year 10000."""
    day, second = divmod(time, _DAY)
    if _is_day(fields, day):
        index = _index(fields, second)
        if index < len(fields.minutes):
            return day * _DAY + fields.minutes[index] * 60
    following = _day_from(fields, day + 1)
    return None if following is None else following * _DAY + fields.minutes[0] * 60


def count(fields: Fields, begin: int, end: int) -> int:
    """Return how many times there are from `begin` until before `end`."""
    if end <= begin:
        return 0
    days = sum(1 for _ in _days(fields, begin // _DAY, end // _DAY))
    return days * len(fields.minutes) + _gone(fields, end) - _gone(fields, begin)


def _gone(fields: Fields, time: int) -> int:
    """Return how many times of its day are earlier."""
    day, second = divmod(time, _DAY)
    return _index(fields, second) if _is_day(fields, day) else 0


def _index(fields: Fields, second: int) -> int:
    return bisect_left(fields.minutes, -(-second // 60))


def _is_day(fields: Fields, day: int) -> bool:
    if not 1 <= day + _EPOCH <= date.max.toordinal():
        return False
    found = date.fromordinal(day + _EPOCH)
    return found.day in _days_of(fields, found.year, found.month)


def _day_from(fields: Fields, day: int) -> int | None:
    return next(_days(fields, day, day + _YEARS * 366), None)


def _days(fields: Fields, begin: int, end: int) -> Iterator[int]:
    """Return the days that fit, from `begin` until before `end`, counted since 1970."""
    if not 1 <= begin + _EPOCH <= date.max.toordinal():
        return
    first = date.fromordinal(begin + _EPOCH)
    for month in range(12 * first.year + first.month - 1, 12 * date.max.year + 12):
        start = date(month // 12, month % 12 + 1, 1).toordinal() - _EPOCH
        if start >= end:
            return
        days = _days_of(fields, month // 12, month % 12 + 1)
        yield from (start + day - 1 for day in days if begin <= start + day - 1 < end)


@lru_cache(maxsize=4_096)
def _days_of(fields: Fields, year: int, month: int) -> tuple[int, ...]:
    if month not in fields.months:
        return ()
    weekday, length = monthrange(year, month)
    sunday = (weekday + 1) % 7  # what the first is, where Sunday is 0
    of_month = _by_day(fields, sunday, length)
    of_week = {day for day in range(1, length + 1) if _fits(fields, (sunday + day - 1) % 7, day, length)}
    return tuple(sorted(of_month & of_week if fields.both else of_month | of_week))


def _by_day(fields: Fields, first: int, length: int) -> set[int]:
    days = {day for day in fields.days if 1 <= day <= length}
    if LAST in fields.days:
        days.add(length)
    if LAST_WEEKDAY in fields.days:
        days.add(length - {6: 1, 0: 2}.get((first + length - 1) % 7, 0))
    return days


def _fits(fields: Fields, weekday: int, day: int, length: int) -> bool:
    nth = fields.nth_weekdays
    is_last = day + 7 > length and (weekday, LAST) in nth
    return weekday in fields.weekdays or is_last or (weekday, (day + 6) // 7) in nth
