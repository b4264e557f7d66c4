"""Whether to try again, and after what wait."""

from __future__ import annotations

import datetime as dt
import math
from email.utils import format_datetime

import pytest

from pegboard import Backoff, Layer, Order, PegboardError, Retry, Session, hookimpl, task
from pegboard.testing import FakeClock, Recorder
from pegboard_retry import RetryBudget


class SaysWhenError(Exception):
    """An error that knows when to come back."""

    def __init__(self, retry_after: object) -> None:
        self.retry_after = retry_after


def waits_of(option: Retry, error: Exception, *, seconds_each: float = 0) -> list[float]:
    """The waits between the runs of a task that always fails, each run taking some seconds."""
    clock = FakeClock()

    @task(option)
    def fails() -> None:
        clock.advance(seconds_each)
        raise error

    with Session(clock):
        fails.run()
    return clock.sleeps


@pytest.mark.parametrize("asked", [7, 7.0, "7", dt.timedelta(seconds=7)])
def test_an_error_may_ask_for_its_wait(asked: object) -> None:
    """`error.retry_after` counts instead of the option's own wait, be that longer or shorter."""
    assert waits_of(Retry(2, wait=1), SaysWhenError(asked)) == [7, 7]
    assert waits_of(Retry(1, wait=Backoff(initial=60, jitter=0)), SaysWhenError(asked)) == [7]


def test_an_error_may_ask_for_a_moment() -> None:
    """An aware datetime is a moment of the session's clock; one that has passed means at once."""
    now = FakeClock().time()
    moment = dt.datetime.fromtimestamp(now + 30, tz=dt.UTC)
    assert waits_of(Retry(1, wait=1), SaysWhenError(moment)) == [30]
    assert waits_of(Retry(1, wait=1), SaysWhenError(moment - dt.timedelta(60))) == []


@pytest.mark.parametrize("asked", [None, -1, math.nan, math.inf, "soon", True, dt.datetime(2026, 1, 1)])  # noqa: DTZ001
def test_a_wish_that_means_nothing_is_not_heard(asked: object) -> None:
    """Then the option's own wait counts."""
    assert waits_of(Retry(1, wait=3), SaysWhenError(asked)) == [3]


def test_a_pegboard_error_with_a_wish_is_still_hopeless() -> None:
    """An open breaker says when to come back, and is not retried unless it is named."""

    class OpenError(PegboardError):
        retry_after = 5

    assert waits_of(Retry(2), OpenError("open")) == []
    assert waits_of(Retry(2, on=OpenError), OpenError("open")) == [5, 5]


@pytest.mark.parametrize(
    ("budget", "waits"), [(0, []), (9.9, []), (10, [10]), (20, [10, 10]), (25, [10, 10]), (1000, [10] * 5)]
)
def test_no_retry_begins_after_the_budget(budget: float, waits: list[float]) -> None:
    """It counts the runs and waits since the first attempt, and a wait that would end after it is not begun."""
    assert waits_of(Retry(5, wait=10, budget=budget), OSError()) == waits


def test_runs_count_towards_the_budget() -> None:
    """Two runs of 4 s and a wait of 1 s are 9 s: a second wait would end at 10 s."""
    assert waits_of(Retry(5, wait=1, budget=9.5), OSError(), seconds_each=4) == [1]
    assert waits_of(Retry(5, wait=1, budget=10), OSError(), seconds_each=4) == [1, 1]


def test_what_an_error_asks_for_counts_towards_the_budget() -> None:
    """A wish that goes past the budget ends the call at once."""
    assert waits_of(Retry(5, budget=60), SaysWhenError(61)) == []


def test_a_wish_may_be_a_header() -> None:
    """`Retry-After` as HTTP sends it: seconds, or a date."""
    moment = dt.datetime.fromtimestamp(FakeClock().time() + 30, tz=dt.UTC)
    assert waits_of(Retry(1, wait=1), SaysWhenError(format_datetime(moment, usegmt=True))) == [30]


@pytest.mark.parametrize("wait", [0, 1])
def test_no_retry_begins_when_the_time_around_it_is_up(wait: float) -> None:
    """A limit outside of the retries that has passed ends the call: no further attempt, nothing taken from the budget."""

    class Limit:
        name = "limit"

        @hookimpl
        def bind(self) -> Layer:
            async def run(call, proceed):
                async with call.timeout(5):
                    return await proceed(call)

            return Layer("limit", Order.DEADLINE, run)

    clock, recorder, budget = FakeClock(), Recorder(), RetryBudget(10)

    @task(Retry(9, wait=wait, budget=budget))
    def slow() -> None:
        clock.advance(6)
        raise OSError

    with Session(clock, recorder, Limit()):
        assert slow.run().attempts == 1
    assert budget.left == 10
    assert "on_retry" not in "".join(recorder.log())
