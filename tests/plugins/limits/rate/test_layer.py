"""A rate limit around a task."""

from __future__ import annotations

import asyncio
import random
import time

import pytest

from pegboard import DeadlineExceeded, Layer, Order, Session, hookimpl, task
from pegboard_limits import LimitExceeded, Limits, RateLimit


def test_runs_beyond_the_burst_wait_for_their_turn(session, clock, recorder, kind, of_kind):
    """Two at once, then one every half second; the waits are told."""
    probe = of_kind(kind, clock.monotonic, RateLimit("2/s"))
    results = [probe.run().unwrap() for _ in range(5)]
    times = [result[0] if isinstance(result, list) else result for result in results]
    assert times == [0, 0, 0.5, 1.0, 1.5]
    assert clock.sleeps == [0.5, 0.5, 0.5]
    assert [str(event) for event in recorder.of("on_wait")] == ["on_wait probe 0.5"] * 3


def test_a_quiet_time_fills_the_bucket_and_no_more(session, clock, colour, of_kind):
    """However long nothing ran, `burst` runs go at once and not one more."""
    probe = of_kind(colour, lambda: None, RateLimit("1/min", 3))
    clock.advance(1e6)
    for _ in range(4):
        probe.run()
    assert clock.sleeps == [60]


def test_burst_of_one_spaces_all_runs(session, clock, colour, of_kind):
    """`burst=1`: never two runs within 0.6 seconds."""
    probe = of_kind(colour, lambda: None, RateLimit("100/min", burst=1))
    for _ in range(3):
        probe.run()
    assert clock.sleeps == pytest.approx([0.6, 0.6])


def test_a_task_may_have_several_rates(session, clock, colour, of_kind):
    """Per second and per minute: whichever is short makes it wait."""
    probe = of_kind(colour, clock.monotonic, RateLimit("2/s"), RateLimit("4/min"))
    times = [probe.run().unwrap() for _ in range(6)]
    assert times == [0, 0, 0.5, 1.0, 15.0, 30.0]


def test_the_slowest_rate_is_waited_for_first(session, clock, colour, of_kind):
    """Whatever the order they are written in: one wait, for the slow one, and none for the fast one after it."""
    probe = of_kind(colour, clock.monotonic, RateLimit("2/s", 1), RateLimit("4/min", 1))
    assert [probe.run().unwrap() for _ in range(2)] == [0, 15]
    assert clock.sleeps == [15]


def test_the_same_rate_twice_is_one(session, clock, colour, of_kind):
    """An option written twice does not take two turns."""
    probe = of_kind(colour, clock.monotonic, RateLimit("2/s"), RateLimit("2/s"))
    assert [probe.run().unwrap() for _ in range(3)] == [0, 0, 0.5]


def test_tasks_share_a_rate_by_name(session, clock, of_kind):
    """What one task takes the other has to wait for."""
    one = of_kind("function", clock.monotonic, RateLimit("2/s", name="api"))
    other = of_kind("coroutine", clock.monotonic, RateLimit("2/s", name="api"))
    alone = of_kind("function", clock.monotonic, RateLimit("2/s"))
    assert [each.run().unwrap() for each in (one, other, one, other)] == [0, 0, 0.5, 1.0]
    assert alone.run().unwrap() == 1.0


def test_max_wait_refuses_at_once(session, clock, kind, of_kind):
    """`max_wait`: an attempt whose turn comes later is refused without waiting, says when, and may be retried."""
    probe = of_kind(kind, lambda: None, RateLimit("1/min", max_wait=10))
    assert probe.run().status == "ok"
    error = probe.run().error
    assert isinstance(error, LimitExceeded)
    assert (error.name, error.task, error.max_wait, error.retry_after, error.retryable) == (
        "probe",
        "probe",
        10,
        60,
        True,
    )
    assert clock.sleeps == []
    clock.advance(50)
    assert probe.run().status == "ok"
    assert clock.sleeps == [10]


class TimeLimit:
    """A limit around the whole call, as a deadline is."""

    name = "time_limit"

    @hookimpl
    def bind(self, session, task):
        async def run(call, proceed):
            async with call.timeout(0.05, DeadlineExceeded):
                return await proceed(call)

        return Layer("time_limit", Order.DEADLINE, run=run)


def test_the_wait_respects_a_deadline_and_gives_its_turn_back(limits, colour, of_kind):
    """A wait that outlasts the call's deadline ends with it, and the next call gets the turn."""
    probe = of_kind(colour, lambda: None, RateLimit("1/h", name="slow"))
    free = of_kind(colour, lambda: None, RateLimit("1/h", name="slow", max_wait=0))
    with Session(limits, TimeLimit(), inherit=False):
        assert probe.run().status == "ok"
        began = time.monotonic()
        assert isinstance(probe.run().error, DeadlineExceeded)
        assert time.monotonic() - began < 2
        assert free.run().error.retry_after == pytest.approx(3600, abs=5)


def test_a_thousand_waiters_some_cancelled(limits, recorder):
    """Of 1,000 coroutines that wait every third is cancelled; the others all run, no faster than they may."""
    chance = random.Random(4)
    runs, rate = [], 4000

    @task(RateLimit(rate, 1, per=1))
    async def probe():
        runs.append(time.monotonic())

    async def main():
        waiting = [asyncio.ensure_future(probe()) for _ in range(1000)]
        await asyncio.sleep(0)
        gone = {each for each in waiting if chance.random() < 1 / 3}
        for each in gone:
            await asyncio.sleep(0)
            each.cancel()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        return sum(isinstance(result, asyncio.CancelledError) for result in results)

    with Session(limits, recorder, inherit=False):
        cancelled = asyncio.run(main())
    assert cancelled > 0
    assert len(runs) == 1000 - cancelled
    assert runs[-1] - runs[0] >= (len(runs) - 1) / rate - 0.01
    assert recorder.unbalanced() == []


def test_cancelling_the_wait_ends_it_at_once(limits):
    """A waiting coroutine that is cancelled does not run, and its turn goes to the next."""

    @task(RateLimit("1/h"))
    async def probe():
        return "ran"

    async def main():
        assert await probe() == "ran"
        first = asyncio.ensure_future(probe())
        await asyncio.sleep(0.01)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        return await probe.with_options(RateLimit("1/h", max_wait=0)).arun()

    with Session(limits, inherit=False):
        assert asyncio.run(main()).error.retry_after == pytest.approx(3600, abs=5)


def test_an_instance_per_session_has_rates_of_its_own(clock, colour, of_kind):
    """Two instances of the plugin know nothing of each other."""
    probe = of_kind(colour, lambda: None, RateLimit("1/min", name="api"))
    for _ in range(2):
        with Session(clock, Limits(), inherit=False):
            probe.run()
    assert clock.sleeps == []
