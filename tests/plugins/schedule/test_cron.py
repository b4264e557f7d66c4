from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pegboard_schedule import Cron, InvalidCron

# Two days on which clocks change in 2025: by an hour at 02:00 or 01:00, by half an hour, at midnight.
SWITCHES = {
    "Europe/Berlin": ("2025-03-30", "2025-10-26"),
    "Europe/London": ("2025-03-30", "2025-10-26"),
    "America/New_York": ("2025-03-09", "2025-11-02"),
    "Australia/Lord_Howe": ("2025-10-05", "2025-04-06"),
    "America/Santiago": ("2025-09-07", "2025-04-06"),
}


def fires(expression, start, end, tz="UTC"):
    """Return every fire in between, each found from the one before."""
    trigger, found = Cron(expression, tz), []
    at = trigger.next(start)
    while at < end:
        found.append(at)
        at = trigger.next(at)
    return found


@pytest.mark.parametrize("at", ["00:00", "01:30", "02:30"])
@pytest.mark.parametrize("switch", [0, 1], ids=["spring", "autumn"])
@pytest.mark.parametrize("zone", SWITCHES)
def test_a_daily_job_fires_once_on_the_days_of_a_switch(zone, switch, at):
    """One fire a day in the days around it, each strictly later than the one before, near its time."""
    hour, minute = map(int, at.split(":"))
    day = datetime.fromisoformat(SWITCHES[zone][switch]).replace(tzinfo=ZoneInfo(zone))
    found = fires(f"{minute} {hour} * * *", day - timedelta(days=2, seconds=1), day + timedelta(days=3), zone)
    assert [each.day for each in found] == [(day + timedelta(days=n)).day for n in range(-2, 3)]
    utc = [each.astimezone(UTC) for each in found]
    assert utc == sorted(set(utc))
    shown = [each.hour * 60 + each.minute - (hour * 60 + minute) for each in found]
    assert [abs(off) for n, off in enumerate(shown) if n != 2] == [0, 0, 0, 0]
    assert 0 <= shown[2] <= 60


@pytest.mark.parametrize("at", ["00:00", "01:30", "02:30"])
@pytest.mark.parametrize("zone", SWITCHES)
def test_asking_at_every_minute_of_an_autumn_day_finds_one_fire(zone, at):
    """Wherever the question falls, also into the hour that comes twice, no second fire of that day is found."""
    hour, minute = map(int, at.split(":"))
    trigger = Cron(f"{minute} {hour} * * *", zone)
    start = datetime.fromisoformat(SWITCHES[zone][1]).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    asked = [start + timedelta(minutes=7 * n - 1) for n in range(220)]
    found = [trigger.next(each).astimezone(UTC) for each in asked]
    assert all(each > after for each, after in zip(found, asked, strict=True))
    assert len({each.astimezone(ZoneInfo(zone)).date() for each in found}) == len(set(found))


def test_a_skipped_time_comes_at_the_first_moment_there_is():
    """02:30 on the day on which the clock goes from 02:00 to 03:00."""
    (found,) = fires(
        "30 2 * * *",
        datetime(2025, 3, 30, tzinfo=UTC),
        datetime(2025, 3, 30, 12, tzinfo=UTC),
        "Europe/Berlin",
    )
    assert found.isoformat() == "2025-03-30T03:00:00+02:00"


def test_what_goes_by_elapsed_time_runs_through_both_hours():
    """A quarterly-hour job has 100 runs on the day with 25 hours."""
    start = datetime(2025, 10, 26, tzinfo=ZoneInfo("Europe/Berlin")) - timedelta(seconds=1)
    found = fires(
        "*/15 * * * *", start, datetime(2025, 10, 27, tzinfo=ZoneInfo("Europe/Berlin")), "Europe/Berlin"
    )
    assert len(found) == 100


def test_the_29th_of_february_comes_every_four_years():
    """In years that have none, nothing is due."""
    start = datetime(2023, 1, 1, tzinfo=UTC)
    found = fires("0 0 29 2 *", start, datetime(2033, 1, 1, tzinfo=UTC))
    assert [(each.year, each.month, each.day) for each in found] == [
        (2024, 2, 29),
        (2028, 2, 29),
        (2032, 2, 29),
    ]


@pytest.mark.parametrize("sunday", ["0", "7", "SUN", "sun"])
def test_sunday_has_two_numbers_and_a_name(sunday):
    """`0 0 * * 0` and `* * * * 7`."""
    start = datetime(2026, 3, 2, tzinfo=UTC)
    found = fires(f"0 0 * * {sunday}", start, start + timedelta(days=21))
    assert [each.day for each in found] == [8, 15, 22]
    assert Cron(f"* * * * {sunday}").next(start) == datetime(2026, 3, 8, tzinfo=UTC)


def test_steps_begin_at_the_full_hour():
    """`*/15` is due at 0, 15, 30 and 45, whenever it was asked."""
    start = datetime(2026, 3, 2, 11, 59, 30, tzinfo=UTC)
    found = fires("*/15 * * * *", start, start + timedelta(hours=1))
    assert [each.minute for each in found] == [0, 15, 30, 45]


@pytest.mark.parametrize(
    ("expression", "days"),
    [
        ("0 0 * * MON-WED", [2, 3, 4, 9, 10, 11]),
        ("0 0 * * FRI-SUN", [6, 7, 8]),
        ("0 0 * mar mon,thu", [2, 5, 9, 12]),
        ("0 0 2-10/3 * *", [2, 5, 8]),
        ("0 0 10 * FRI", [6, 10]),
    ],
    ids=["range", "to sunday", "names", "step", "or"],
)
def test_lists_ranges_steps_names_and_days_or_weekdays(expression, days):
    """Day and weekday are OR-ed when both are set."""
    start = datetime(2026, 3, 1, 23, tzinfo=UTC)
    assert [each.day for each in fires(expression, start, start + timedelta(days=11))] == days


def test_a_day_is_one_of_the_zone():
    """Midnight in Tokyo is three in the afternoon before, in UTC."""
    found = Cron("@daily", "Asia/Tokyo").next(datetime(2026, 3, 2, 12, tzinfo=UTC))
    assert found.astimezone(UTC) == datetime(2026, 3, 2, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    "expression",
    ["", "0 2", "0 2 * *", "0 0 2 * * *", "60 * * * *", "* * * * MONDAY", "5-1 * * * *", "*/0 * * * *"],
)
def test_what_means_nothing_is_refused(expression):
    """A missing field does not stand for `*`; neither does a sixth, or a value that does not exist."""
    with pytest.raises(InvalidCron) as caught:
        Cron(expression)
    assert caught.value.expression == expression


@pytest.mark.parametrize("expression", ["0 0 30 2 *", "0 0 31 4,6 *"])
def test_what_never_comes_is_refused(expression):
    """A job that would wait for ever is a mistake."""
    with pytest.raises(InvalidCron):
        Cron(expression)


@pytest.mark.parametrize(
    ("wrong", "error"), [("Europe/Atlantis", ValueError), ("", ValueError), (1, TypeError)]
)
def test_an_unknown_zone_is_refused(wrong, error):
    """Where it is written."""
    with pytest.raises(error, match="zone"):
        Cron("0 2 * * *", wrong)


def test_a_naive_time_is_refused():
    """It would mean another moment on every machine."""
    with pytest.raises(ValueError, match="time zone"):
        Cron("0 2 * * *").next(datetime(2026, 1, 1))  # noqa: DTZ001 - the mistake


minutes = st.sampled_from(["*", "0", "30", "*/7", "5,55", "10-20"])
hours = st.sampled_from(["*", "0", "1-3", "2", "*/5", "23"])
days = st.sampled_from(["*", "1", "29", "L", "*/10"])
weekdays = st.sampled_from(["*", "0", "7", "MON-FRI", "SUN"])


@settings(max_examples=300, deadline=None)
@given(
    st.builds(" ".join, st.tuples(minutes, hours, days, st.just("*"), weekdays)),
    st.sampled_from([*SWITCHES, "UTC", "Asia/Kathmandu"]),
    st.datetimes(datetime(2025, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001 - as asked for
)
def test_the_next_fire_is_strictly_later(expression, zone, after):
    """For any expression, zone and moment, and again from the fire that was found."""
    trigger = Cron(expression, zone)
    first = trigger.next(after).astimezone(UTC)
    assert after < first < trigger.next(first).astimezone(UTC)
