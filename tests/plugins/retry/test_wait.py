"""Waits of every sort, on the session's clock."""

from __future__ import annotations

import pytest
import tenacity

from pegboard import Backoff, Retry, Session, task
from pegboard.testing import FakeClock


def waits_of(option: Retry) -> list[float]:
    """Fail for ever under `option`, and return the waits."""

    @task(option)
    def always() -> None:
        raise OSError("no")

    clock = FakeClock()
    with Session(clock):
        assert isinstance(always.run().error, OSError)
    return clock.sleeps


@pytest.mark.parametrize(
    ("wait", "waits"),
    [
        (0, []),
        (1.5, [1.5, 1.5, 1.5]),
        (Backoff(1, jitter=0), [1, 2, 4]),
        (tenacity.wait_fixed(3), [3, 3, 3]),
        (tenacity.wait_exponential(multiplier=2), [2, 4, 8]),
        (tenacity.wait_incrementing(start=1, increment=5), [1, 6, 11]),
        (tenacity.wait_chain(tenacity.wait_fixed(1), tenacity.wait_fixed(9)), [1, 9, 9]),
    ],
    ids=["none", "seconds", "backoff", "fixed", "exponential", "incrementing", "chain"],
)
def test_waits_are_those_asked_for(wait, waits: list[float]) -> None:
    """Between the runs, in seconds; a wait of 0 never sleeps, and none follows the last failure."""
    assert waits_of(Retry(3, wait=wait)) == waits


def test_a_tenacity_wait_is_told_the_error() -> None:
    """The retry state carries attempt and outcome, as under tenacity itself."""
    seen = []

    def wait(state) -> float:
        seen.append((state.attempt_number, type(state.outcome.exception())))
        return 0.5

    assert waits_of(Retry(2, wait=wait)) == [0.5, 0.5]
    assert seen == [(1, OSError), (2, OSError)]


def test_a_wait_that_fails_is_the_calls_error() -> None:
    """A broken wait strategy is not hidden."""

    def wait(state) -> float:
        raise ZeroDivisionError

    @task(Retry(2, wait=wait))
    def always() -> None:
        raise OSError("no")

    with Session():
        assert isinstance(always.run().error, ZeroDivisionError)
