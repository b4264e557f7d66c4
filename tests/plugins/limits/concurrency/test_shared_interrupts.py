"""An interrupt loses no lease, wherever it strikes, and leaves the connection whole."""

from __future__ import annotations

import pytest

from pegboard import Session, task
from pegboard_limits import Concurrency, Limits, RateLimit


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    "option", [Concurrency(1, "one", max_wait=10), RateLimit(10**9, name="one", per=1)], ids=["slot", "turn"]
)
def test_an_interrupt_anywhere_leaves_store_and_lease_free(interrupted_everywhere, redis_url, option):
    """The next call is let through at once, at whatever moment the one before was interrupted."""

    @task(option)
    def work():
        return 1

    with Session(Limits(redis_url), inherit=False):
        work()
        assert interrupted_everywhere(work, work) > 20
