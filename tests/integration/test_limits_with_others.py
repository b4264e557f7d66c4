"""Limits together with retries, timeouts and caches."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from pegboard import (
    Breaker,
    BreakerOpen,
    Cache,
    Concurrency,
    Deadline,
    DeadlineExceeded,
    LimitExceeded,
    Limits,
    RateLimit,
    Retry,
    Session,
    TaskTimeout,
    Timeout,
    task,
)
from pegboard.testing import FakeClock, Recorder


@pytest.fixture(params=["sync", "async"])
def make(request):
    """Make a task of each colour from a sync body."""

    def build(body, *options):
        async def coroutine(*args):
            await asyncio.sleep(0)
            return body(*args)

        return task(*options, name="probe")(body if request.param == "sync" else coroutine)

    return build


def test_a_breaker_counts_every_attempt_and_an_open_one_is_not_retried(make) -> None:
    """The third attempt of one call opens the breaker, and the retry ends there."""
    runs, clock, limits = [], FakeClock(), Limits()

    def body():
        runs.append(1)
        raise OSError("down")

    probe = make(body, Retry(9, wait=1), Breaker(3, 60))
    with Session(clock, limits, inherit=False):
        result = probe.run()
        assert isinstance(result.error, BreakerOpen)
        assert (len(runs), result.attempts, clock.sleeps) == (3, 3, [1, 1, 1])
        assert isinstance(probe.run().error, BreakerOpen)
    assert (len(runs), clock.sleeps) == (3, [1, 1, 1])


def test_every_attempt_takes_a_turn(make) -> None:
    """A retry waits for its turn like any other run."""
    clock, recorder = FakeClock(), Recorder()

    def body():
        raise OSError("down")

    with Session(clock, recorder, inherit=False):
        make(body, Retry(3), RateLimit("1/min", 2)).run()
    assert clock.sleeps == [60, 60]
    assert [str(event) for event in recorder.of("on_wait")] == ["on_wait probe 60.0"] * 2


def test_a_refused_turn_may_be_retried(make) -> None:
    """`LimitExceeded` says when to come again, and a retry that waits so long gets its turn."""
    clock = FakeClock()
    probe = make(lambda: "ran", Retry(1, wait=60), RateLimit("1/min", max_wait=0))
    with Session(clock, inherit=False):
        assert [probe.run().attempts for _ in range(2)] == [1, 1]
    assert clock.sleeps == [60]


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_a_timeout_is_a_failure_and_a_deadline_is_none(colour) -> None:
    """A run that is cut off at its own limit counts; the end of the whole call says nothing."""
    limits = Limits()

    def body():
        time.sleep(0.2)

    async def abody():
        await asyncio.sleep(10)

    function = body if colour == "sync" else abody
    slow = task(Breaker(1), Timeout(0.02), name="slow")(function)
    late = task(Breaker(1), Deadline(0.02), name="late")(function)
    with Session(limits, inherit=False):
        assert isinstance(slow.run().error, TaskTimeout)
        assert isinstance(late.run().error, DeadlineExceeded)
        states = {name: record.state for name, record in limits.breakers().items()}
    assert states == {"slow": "open", "late": "closed"}


def test_a_wait_for_a_turn_keeps_to_the_deadline(make) -> None:
    """The deadline counts the wait, and ends it."""
    probe = make(lambda: "ran", RateLimit("1/h"), Deadline(0.05))
    with Session(inherit=False):
        assert probe.run().value == "ran"
        began = time.monotonic()
        assert isinstance(probe.run().error, DeadlineExceeded)
        assert time.monotonic() - began < 2


def test_a_value_from_the_cache_costs_neither_turn_nor_slot(make) -> None:
    """The cache is outside: a hit asks no limit."""
    clock = FakeClock()
    probe = make(lambda: ("value",), Cache(), RateLimit("1/h"), Concurrency(1), Breaker())
    with Session(clock, inherit=False):
        assert [probe.run().source for _ in range(3)] == ["run", "cache", "cache"]
    assert clock.sleeps == []


def test_a_slot_is_held_over_the_retries(make) -> None:
    """A call keeps its slot while it waits to be tried again."""
    begun, limits = threading.Event(), Limits()

    def body():
        begun.set()
        raise OSError("down")

    probe = make(body, Concurrency(1, "shared", max_wait=0), Retry(1, wait=0.1))

    @task(Concurrency(1, "shared", max_wait=0))
    async def other():
        return "ran"

    async def main():
        first = asyncio.ensure_future(probe.acall())
        assert await asyncio.to_thread(begun.wait, 10)
        refused = await other.arun()
        with pytest.raises(OSError, match="down"):
            await first
        return refused, await other.arun()

    with Session(limits, inherit=False):
        refused, later = asyncio.run(main())
    assert isinstance(refused.error, LimitExceeded)
    assert later.value == "ran"
