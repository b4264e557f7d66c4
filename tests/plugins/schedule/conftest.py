"""What the tests of schedules share."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pegboard import Session, hookimpl, task
from pegboard.testing import FakeClock
from pegboard_schedule import Scheduling

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


class Fires:
    """Keeps what is told of scheduled runs."""

    name = "fires"

    def __init__(self):
        self.seen = []

    @hookimpl(optionalhook=True)
    def on_schedule_fire(self, call, fire):
        self.seen.append((call, fire))


@pytest.fixture
def noon():
    return NOON


@pytest.fixture
def clock():
    """A clock that shows noon, and moves when it is told to."""
    return FakeClock(NOON.timestamp())


@pytest.fixture
def fires():
    return Fires()


@pytest.fixture
def session(clock, fires):
    with Session(Scheduling(), fires, clock, executor="inline", strict=True, inherit=False) as session:
        yield session


@pytest.fixture
def schedule(session):
    return session[Scheduling]


@pytest.fixture
def times(clock):
    """A task that keeps the seconds after noon at which it ran, in `times.seen`."""
    seen = []

    @task(name="times")
    def times():
        seen.append(clock.time() - NOON.timestamp())
        return len(seen)

    times.seen = seen
    return times
