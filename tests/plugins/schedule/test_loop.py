from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from pegboard import Session, task
from pegboard.testing import FakeClock
from pegboard_schedule import At, Cron, Every, Scheduling, When

YEARS = 9


@pytest.mark.parametrize(
    ("trigger", "runs"),
    [
        (Cron("0 0 1 1 *"), 9),
        (Cron("0 0 29 2 *", "Europe/Berlin"), 3),
        (Cron("30 2 * * *", "Europe/Berlin"), 3_288),
        (Every(86_400), 3_288),
        (When(lambda: False, every=30 * 86_400), 0),
    ],
    ids=["yearly", "29 february", "daily", "interval", "condition"],
)
def test_years_of_a_fake_clock_are_short(trigger, runs):
    """A look for each time that something is due, and none in between."""
    clock, ran = FakeClock(datetime(2024, 1, 1, tzinfo=UTC).timestamp()), []
    with Session(Scheduling(), clock, executor="inline", inherit=False) as session:
        schedule = session[Scheduling]
        schedule.add(task(lambda: ran.append(1), name="job"), trigger)
        schedule.add(task(schedule.stop, name="end"), At(datetime(2024 + YEARS, 1, 1, tzinfo=UTC)))
        begun = time.process_time()
        schedule.serve()
    assert time.process_time() - begun < 5
    assert len(ran) == runs
    assert len(clock.sleeps) <= len(ran) + 130


def test_a_clock_whose_time_is_real_is_looked_at_every_ten_seconds():
    """So that a stop is heard, and a clock that was set is seen."""

    class Slow(FakeClock):
        def sleep(self, seconds):
            time.sleep(0.02)
            super().sleep(seconds)

    from pegboard_schedule import _loop

    clock = Slow(0.0)
    loop = _loop.Loop(clock, lambda: 3_600.0, lambda: None)
    for _ in range(3):
        loop._sleep(0.03)
    assert clock.sleeps == [0.03] * 3
    assert not loop._clock_jumps
