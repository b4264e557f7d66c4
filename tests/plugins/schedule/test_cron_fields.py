from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from pegboard_schedule import Cron, InvalidCron

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
WEEK = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")


def fires(expression, start, number):
    trigger, at = Cron(expression), start
    for _ in range(number):
        at = trigger.next(at)
        yield at


def weekdays(field):
    """Return the weekdays of one week on which a field is due."""
    trigger, at, found = Cron(f"0 0 * * {field}"), MONDAY - timedelta(seconds=1), []
    while (at := trigger.next(at)) < MONDAY + timedelta(days=7):
        found.append(WEEK[at.weekday()])
    return " ".join(found)


@pytest.mark.parametrize(
    ("field", "days"),
    [
        ("SUN-SUN", "SUN"),
        ("sun-sun", "SUN"),
        ("0-0", "SUN"),
        ("7-7", "SUN"),
        ("7-0", "SUN"),
        ("7-SUN", "SUN"),
        ("0-SUN", "SUN"),
        ("SUN-7", "SUN"),
        ("SUN-SUN/2", "SUN"),
        ("0,7", "SUN"),
        ("0-7", "MON TUE WED THU FRI SAT SUN"),
        ("1-7", "MON TUE WED THU FRI SAT SUN"),
        ("SUN-SAT", "MON TUE WED THU FRI SAT SUN"),
        ("SAT-SUN", "SAT SUN"),
        ("6-0", "SAT SUN"),
        ("FRI-7", "FRI SAT SUN"),
        ("FRI-SUN/2", "FRI SUN"),
        ("7-2", "MON TUE SUN"),
        ("SUN-TUE", "MON TUE SUN"),
        ("SUN,WED", "WED SUN"),
        ("*/7", "SUN"),
        ("1-5/2", "MON WED FRI"),
        ("FRI/1", "FRI SAT SUN"),
        ("MON-MON", "MON"),
    ],
)
def test_sunday_begins_and_ends_a_week(field, days):
    """By number or name, alone, in a list, in a range, with a step."""
    assert weekdays(field) == days


@pytest.mark.parametrize(
    ("expression", "days"),
    [
        ("0 0 L * *", ["2026-03-31", "2026-04-30", "2026-05-31"]),
        ("0 0 LW * *", ["2026-03-31", "2026-04-30", "2026-05-29"]),
        ("0 0 1,L 2 *", ["2027-02-01", "2027-02-28", "2028-02-01"]),
        ("0 0 * * 5L", ["2026-03-27", "2026-04-24", "2026-05-29"]),
        ("0 0 * * SUNL", ["2026-03-29", "2026-04-26", "2026-05-31"]),
        ("0 0 * * 7L", ["2026-03-29", "2026-04-26", "2026-05-31"]),
        ("0 0 * * MON#2", ["2026-03-09", "2026-04-13", "2026-05-11"]),
        ("0 0 * * 7#1,sun#3", ["2026-03-15", "2026-04-05", "2026-04-19"]),
        ("0 0 * * SUN#5", ["2026-03-29", "2026-05-31", "2026-08-30"]),
        ("0 0 13 * FRI#2", ["2026-03-13", "2026-04-10", "2026-04-13"]),
    ],
)
def test_last_days_and_places_in_a_month(expression, days):
    """`L`, `LW`, the last and the nth weekday, for Sunday by each of its names."""
    assert [f"{each:%Y-%m-%d}" for each in fires(expression, MONDAY, 3)] == days


@pytest.mark.parametrize(
    ("expression", "minutes"),
    [("5-5/10 * * * *", [5]), ("5/10 * * * *", [5, 15, 25, 35, 45, 55]), ("*/40 * * * *", [0, 40])],
)
def test_a_step_goes_on_to_the_end_of_its_range(expression, minutes):
    """A range of one value has no other, whatever the step; a value alone begins one to the end."""
    assert [each.minute for each in fires(expression, MONDAY - timedelta(seconds=1), len(minutes))] == minutes


@pytest.mark.parametrize(
    "expression",
    [
        "0 0 * * FRI-MON",
        "0 22-2 * * *",
        "0 0 * NOV-FEB *",
        "0 0 * * 8",
        "0 0 0 * *",
        "0 0 32 * *",
        "0 0 * 0 *",
        "0 24 * * *",
        "0 0 * * MON#6",
        "0 0 * * MON#0",
        "0 0 * * #2",
        "0 0 * * L",
        "0 0 L/2 * *",
        "0 0 ? * *",
        "0 0 * JAN-MON *",
        "0-5- * * * *",
        "1,,2 * * * *",
        "*/ * * * *",
        "*/-1 * * * *",
        "-5 * * * *",
        "５ * * * *",  # noqa: RUF001 - the digit of another script is the point
        "1" * 5_000 + " * * * *",
        "*/" + "9" * 5_000 + " * * * L",
    ],
)
def test_what_no_field_takes_is_refused(expression):
    """Wrap-around ranges but those to Sunday, numbers beyond, places and letters where there are none."""
    with pytest.raises(InvalidCron, match="cannot be used"):
        Cron(expression)


def test_a_range_that_goes_backwards_tells_what_to_write():
    """Two ranges."""
    with pytest.raises(InvalidCron, match="22-23,0-2"):
        Cron("0 22-2 * * *")


def field(least, most):
    """Make fields of values, ranges, steps and lists."""
    number = st.integers(least, most)
    span = st.tuples(number, number).map(lambda pair: "{}-{}".format(*sorted(pair)))
    term = st.one_of(st.just("*"), number.map(str), span)
    stepped = st.builds("{}/{}".format, st.one_of(st.just("*"), span), st.integers(1, 9))
    return st.lists(st.one_of(term, stepped), min_size=1, max_size=3).map(",".join)


def has_range_of_one(expression):
    """Where the other library goes on beyond the range."""
    spans = [
        term.partition("/")[0].split("-")
        for each in expression.split()
        for term in each.split(",")
        if "/" in term
    ]
    return any(len(set(span)) == 1 and span != ["*"] for span in spans)


@settings(max_examples=400, deadline=None)
@given(
    st.builds(" ".join, st.tuples(field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 7))),
    st.datetimes(datetime(2000, 1, 1), datetime(2060, 12, 31)),  # noqa: DTZ001 - made aware below
)
def test_in_utc_it_agrees_with_another_library(expression, start):
    """The next five times, of any expression and from any moment."""
    if has_range_of_one(expression):
        return
    start = start.replace(tzinfo=UTC)
    theirs = CronSim(expression, start)
    assert list(fires(expression, start, 5)) == [next(theirs) for _ in range(5)]
