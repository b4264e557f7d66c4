"""Turns whose attempts never began come back."""

from __future__ import annotations

import pytest

from pegboard import Layer, Order, Session, hookimpl, task
from pegboard.testing import FakeClock
from pegboard_limits import LimitExceeded, Limits, RateLimit


@pytest.mark.parametrize("moment", range(3, 16))
def test_an_interrupt_before_the_function_begins_loses_no_turn(interrupt_at, moment):
    """The turn of a call that was interrupted on its way is the next one's."""
    ran = []

    @task(RateLimit(2, per="day", max_wait=0))
    def fetch():
        ran.append(1)

    with Session(Limits()) as session:
        session.plan_for(fetch)
        assert interrupt_at(moment, fetch)
        while len(ran) < 2:
            fetch()
        with pytest.raises(LimitExceeded):
            fetch()


class _Refusing:
    name = "refusing"

    def __init__(self):
        self.refuses = True

    @hookimpl
    def bind(self, session, task):
        async def run(call, proceed):
            if self.refuses:
                raise ConnectionError
            return await proceed(call)

        return Layer("refusing", Order.INJECT, run=run)


def test_a_turn_of_an_attempt_that_a_layer_refused_comes_back():
    """A rate limits runs: what failed before the function was entered is none."""

    @task(RateLimit(1, per="day", max_wait=0))
    def fetch():
        return 1

    refusing = _Refusing()
    with Session(Limits(), refusing, FakeClock(), inherit=False):
        for _ in range(3):
            with pytest.raises(ConnectionError):
                fetch()
        refusing.refuses = False
        assert fetch() == 1
        with pytest.raises(LimitExceeded):
            fetch()
