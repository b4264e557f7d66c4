"""The clock that moves when it is told to."""

from __future__ import annotations

from pegboard import Session
from pegboard.testing import FakeClock


def test_the_fake_clock_moves_when_told_or_slept_on() -> None:
    """It is its session's clock until the session ends, and gives it back then."""
    clock = FakeClock(now=1_000.0)
    with Session(clock) as session:
        assert session.clock is clock
        session.clock.sleep(5)
        clock.advance(10)
        assert (session.clock.time(), session.clock.monotonic(), clock.sleeps) == (1_015.0, 15.0, [5])
        with Session() as inner:
            assert inner.clock is clock
    assert session.clock is not clock
