from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pegboard import task
from pegboard_schedule import At, Cron, Every, Trigger, When

AFTER = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
moments = st.datetimes(datetime(2000, 1, 1), datetime(2050, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - as asked for


def test_at_comes_once():
    """Strictly before its time it is to come, at it and after it no more."""
    assert At(AFTER).next(AFTER - HOUR) == AFTER
    assert At(AFTER).next(AFTER) is None
    assert At(None).next(AFTER) == AFTER


def test_at_takes_a_naive_time_in_a_zone_that_is_named():
    """Otherwise it is refused."""
    nine = datetime(2026, 7, 1, 9)  # noqa: DTZ001 - the point
    assert At(nine, "Europe/Berlin").when.astimezone(UTC).hour == 7
    with pytest.raises(ValueError, match="time zone"):
        At(nine)
    with pytest.raises(TypeError, match="datetime"):
        At("2026-07-01")


@given(moments, moments, st.floats(0.001, 1e6))
def test_every_is_strictly_later_and_on_its_grid(start, after, interval):
    """Whole intervals after the start, whatever is asked in between: no drift."""
    trigger = Every(interval, start=start)
    found = trigger.next(after)
    assert found > after
    assert found >= start
    assert (found - start) % trigger.interval == timedelta(0)
    assert found - after <= max(trigger.interval, start - after)


def test_every_without_a_start_counts_from_what_it_is_asked():
    """A trigger by itself has no beginning; the schedule gives it one."""
    assert Every(90).next(AFTER) == AFTER + timedelta(seconds=90)
    assert Every(timedelta(days=1)).next(AFTER) == AFTER + timedelta(days=1)


def test_a_day_by_interval_is_24_hours_also_when_clocks_change():
    """Elapsed time, not what the clock shows; that is what Cron is for."""
    before = datetime(2025, 3, 29, 12, tzinfo=ZoneInfo("Europe/Berlin"))
    assert Every(timedelta(days=1)).next(before).astimezone(ZoneInfo("Europe/Berlin")).hour == 13


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: Every(0), ValueError),
        (lambda: Every(-1), ValueError),
        (lambda: Every(float("inf")), ValueError),
        (lambda: Every(float("nan")), ValueError),
        (lambda: Every("5 min"), TypeError),
        (lambda: Every(True), TypeError),
        (lambda: Every(1, start=datetime(2026, 1, 1)), ValueError),  # noqa: DTZ001 - the mistake
        (lambda: Every(1, jitter=2), ValueError),
        (lambda: Every(1, jitter=-1), ValueError),
        (lambda: Every(1, overlap="wait"), ValueError),
        (lambda: Cron("@daily", misfire="twice"), ValueError),
        (lambda: At(None, grace=-1), ValueError),
        (lambda: When("true"), TypeError),
        (lambda: When(lambda: True, every=0), ValueError),
    ],
)
def test_bad_settings_are_refused_where_they_are_written(make, error):
    """Not when the time has come."""
    with pytest.raises(error):
        make()


def test_a_condition_that_has_to_be_awaited_is_refused():
    """What it returns is always true."""

    async def ready(): ...

    for wrong in (ready, task(ready)):
        with pytest.raises(TypeError, match="coroutine"):
            When(wrong)


def test_a_trigger_of_ones_own_needs_only_next():
    """Whatever the base asks of triggers beyond has a default."""

    class Yearly(Trigger):
        def next(self, after):
            return after.replace(year=after.year + 1)

    assert Yearly(jitter=5).following(AFTER) == AFTER.replace(year=2027)
    with pytest.raises(TypeError, match="abstract"):
        Trigger()


BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize("fold", [0, 1])
@pytest.mark.parametrize(
    ("naive", "zone", "moment"),
    [
        (datetime(2026, 3, 29, 2, 30), "Europe/Berlin", "2026-03-29T03:00:00+02:00"),  # noqa: DTZ001
        (datetime(2026, 3, 29, 2), "Europe/Berlin", "2026-03-29T03:00:00+02:00"),  # noqa: DTZ001
        (datetime(2026, 3, 29, 2, 59, 59, 999_999), "Europe/Berlin", "2026-03-29T03:00:00+02:00"),  # noqa: DTZ001
        (datetime(2026, 10, 4, 2, 15), "Australia/Lord_Howe", "2026-10-04T02:30:00+11:00"),  # noqa: DTZ001
        (datetime(2026, 9, 27, 2, 45), "Pacific/Chatham", "2026-09-27T03:45:00+13:45"),  # noqa: DTZ001
        (datetime(2026, 9, 6, 0, 30), "America/Santiago", "2026-09-06T01:00:00-03:00"),  # noqa: DTZ001
        (datetime(2011, 12, 30, 9), "Pacific/Apia", "2011-12-31T00:00:00+14:00"),  # noqa: DTZ001
    ],
)
def test_a_time_that_the_clock_leaves_out_is_the_instant_after_it(naive, zone, moment, fold):
    """Of `At`, given as naive or aware, and of the start of an interval."""
    naive, own = naive.replace(fold=fold), naive.replace(fold=fold, tzinfo=ZoneInfo(zone))
    expected = datetime.fromisoformat(moment)
    assert At(naive, zone).when == expected
    assert At(naive, zone).when.isoformat() == moment
    assert At(own).next(expected - HOUR) == expected
    assert Every(60, start=own).start == expected


def test_a_time_that_comes_twice_is_the_one_that_was_meant():
    """The first, or the second where it says so; the other is not taken for it."""
    first = datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN)
    second = first.replace(fold=1)
    assert [At(each).when.astimezone(UTC).hour for each in (first, second)] == [0, 1]
    between = datetime(2026, 10, 25, 2, 45, tzinfo=BERLIN)
    assert At(first).next(between) is None
    assert At(second).next(between).astimezone(UTC).hour == 1
