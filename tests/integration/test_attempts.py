"""Attempts in the summary of a task: runs of its function."""

from __future__ import annotations

import pytest

from pegboard import Cache, Layer, Order, Retry, Session, hookimpl, task
from pegboard_metrics import Metrics


class Refusing:
    """A layer inside the retries that fails so many times."""

    name = "refusing"

    def __init__(self, times):
        self.left = times

    @hookimpl
    def bind(self, session, task):
        async def run(call, proceed):
            self.left -= 1
            if self.left >= 0:
                raise ConnectionError
            return await proceed(call)

        return Layer("refusing", Order.INJECT, run=run)


@pytest.mark.parametrize(
    ("refusals", "failures", "attempts", "retries"),
    [(0, 0, 1, 0), (0, 2, 3, 2), (2, 0, 1, 2), (1, 1, 2, 2), (4, 0, 0, 3)],
    ids=["none", "retried", "refused", "refused and retried", "never ran"],
)
def test_what_a_layer_refused_is_a_retry_and_no_attempt(refusals, failures, attempts, retries):
    """Attempts are counted by `before_attempt`, retries by `on_retry`."""
    runs = []

    @task(Retry(3), name="stats: flaky")
    def flaky():
        runs.append(1)
        if len(runs) <= failures:
            raise ValueError

    with Session(Metrics(), Refusing(refusals), inherit=False) as session:
        result = flaky.run()
        found = session[Metrics].stats(flaky)
    assert (found.attempts, found.retries) == (attempts, retries)
    assert result.attempts == found.attempts == len(runs)


def test_a_value_from_the_cache_and_a_wrong_call_are_no_attempts():
    """Nothing ran."""

    @task(Cache(), name="stats: cached")
    def double(x):
        return 2 * x

    @task(name="stats: plain")
    def plain(x):
        return x

    with Session(Metrics(), inherit=False) as session:
        double(1)
        double(1)
        plain.run()
        assert [session[Metrics].stats(each).attempts for each in (double, plain)] == [1, 0]
