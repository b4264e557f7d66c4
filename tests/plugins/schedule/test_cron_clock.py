"""What the reference's table says of the days on which clocks change, minute for minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest

from pegboard_schedule import Cron

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SINCE, UNTIL = datetime(2000, 1, 1, tzinfo=UTC), datetime(2037, 1, 1, tzinfo=UTC)

# By expression: whether it goes by elapsed time, and its minutes and hours.
EXPRESSIONS = {
    "* * * * *": (True, range(60), range(24)),
    "*/7 */3 * * *": (True, range(0, 60, 7), range(0, 24, 3)),
    "*/10 0-6 * * *": (True, range(0, 60, 10), range(7)),
    "0 * * * *": (True, (0,), range(24)),
    "30 2 * * *": (False, (30,), (2,)),
    "0 0 * * *": (False, (0,), (0,)),
    "5,45 0-4 * * *": (False, (5, 45), range(5)),
    "59 23,1 * * *": (False, (59,), (1, 23)),
    "15-20 2-23 * * *": (False, range(15, 21), range(2, 24)),
}

# Clocks that change by an hour, half an hour, two, three, and a day; at midnight, and at a quarter to four.
ODD = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "America/Santiago",
    "Antarctica/Troll",
    "Antarctica/Casey",
    "Pacific/Apia",
    "Africa/Casablanca",
    "Asia/Pyongyang",
    "America/Caracas",
    "Asia/Gaza",
]


def utc(moment):
    """Return the same moment; times that come twice are equal to none of another zone."""
    return moment.astimezone(UTC)


def ahead(zone, moment):
    return moment.astimezone(zone).utcoffset()


def changes(zone):
    """Return every moment since 2000 at which the clock of a zone is set, with what it was ahead before and after."""
    days = [SINCE + n * DAY for n in range((UNTIL - SINCE).days + 1)]
    for today, tomorrow in pairwise(days):
        before, after = ahead(zone, today), ahead(zone, tomorrow)
        if before != after:
            minutes = (today + n * MINUTE for n in range(1, 1_441))
            yield next(each for each in minutes if ahead(zone, each) != before), before, after


def walls(zone, begin, end):
    """Return every minute from `begin` until before `end`, with what the clock shows."""
    minutes = (begin + n * MINUTE for n in range((end - begin) // MINUTE))
    return [(each, each.astimezone(zone).replace(tzinfo=None)) for each in minutes]


def due(change, expression, shown_at):
    """Return what is due among the minutes, by the table."""
    elapsed, minutes, hours = EXPRESSIONS[expression]
    moment, before, after = change

    def fits(shown):
        return shown.minute in minutes and shown.hour in hours

    seen, found = set(), []
    for now, shown in shown_at:
        left_out = range(1, (after - before) // MINUTE + 1) if now == moment and not elapsed else ()
        catches_up = any(fits(shown - each * MINUTE) for each in left_out)
        if catches_up or (fits(shown) and (elapsed or shown not in seen)):
            found.append(now)
        seen.add(shown)
    return found


def check(name, change):
    """Hold every expression against the table around one change, asked in a row, and from wherever."""
    zone, size = ZoneInfo(name), abs(change[2] - change[1])
    begin, end = change[0] - size - 2 * HOUR, change[0] + size + 2 * HOUR
    shown_at = walls(zone, begin - size, end)
    for expression in EXPRESSIONS:
        trigger = Cron(expression, name)
        expected = due(change, expression, shown_at)
        found, at = [], begin - MINUTE
        while (at := utc(trigger.next(at))) < end:
            found.append(at)
        expected = [each for each in expected if each >= begin]
        assert found == expected, (name, expression)
        if expected:
            passed = trigger.passed(expected[0], end - MINUTE, 3)
            assert (passed.number, utc(passed.last)) == (len(expected), expected[-1])
            assert [utc(each) for each in passed.times] == expected[:3]
        for n in range(0, (end - begin) // MINUTE, 97):
            after = begin + n * MINUTE + timedelta(seconds=1)
            later = [each for each in expected if each > after]
            assert not later or utc(trigger.next(after)) == later[0], (name, expression, after)


@pytest.mark.parametrize("name", ODD)
def test_each_change_of_a_clock_is_as_the_table_says(name):
    """The last four changes of odd clocks, each wall time that exists run as often as is promised."""
    for change in list(changes(ZoneInfo(name)))[-4:]:
        check(name, change)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_change_of_every_clock_since_2000_is_as_the_table_says():
    """No zone is left out; those with the same changes are looked at once for each change."""
    seen = set()
    for name in sorted(available_timezones()):
        for change in changes(ZoneInfo(name)):
            if change not in seen:
                seen.add(change)
                check(name, change)
    assert len(seen) > 3_000


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_the_first_second_after_a_gap_is_looked_at_too(expression):
    """Asked one second before the clock changes, and at the change."""
    moment = datetime(2026, 3, 29, 1, tzinfo=UTC)
    zone = ZoneInfo("Europe/Berlin")
    expected = due((moment, HOUR, 2 * HOUR), expression, walls(zone, moment - HOUR, moment + 25 * HOUR))
    trigger = Cron(expression, "Europe/Berlin")
    for after in (moment - timedelta(seconds=1), moment - timedelta(microseconds=1), moment):
        assert utc(trigger.next(after)) == next(each for each in expected if each > after)


def test_a_zone_of_the_users_own_is_as_good():
    """Offsets by the second, and no zone of the database."""
    from datetime import timezone

    trigger = Cron("0 12 * * *", timezone(timedelta(hours=1, seconds=30)))
    assert utc(trigger.next(datetime(2026, 1, 1, tzinfo=UTC))).isoformat() == "2026-01-01T10:59:30+00:00"


def test_the_calendars_end_is_the_end():
    """And no error."""
    assert Cron("0 0 1 1 *").next(datetime(9999, 6, 1, tzinfo=UTC)) is None
    assert Cron("30 2 * * *", "Europe/Berlin").next(datetime(9999, 12, 31, 12, tzinfo=UTC)) is None
