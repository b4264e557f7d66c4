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
