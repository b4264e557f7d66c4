"""A rate limit that is kept in a Redis."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from pegboard import Session, task
from pegboard_limits import LimitExceeded, Limits, RateLimit


@pytest.fixture
def shared(redis_url, recorder):
    """An open session with limits in a Redis."""
    with Session(Limits(redis_url), recorder, inherit=False, strict=True) as session:
        yield session


def test_runs_beyond_the_burst_wait_for_their_turn(shared, recorder, kind, of_kind):
    """Four at once, then one every 20 ms; the waits are told."""
    probe = of_kind(kind, time.monotonic, RateLimit("50/s", 4))
    probe.run()
    time.sleep(0.15)
    began = time.monotonic()
    for _ in range(10):
        assert probe.run().status == "ok"
    assert time.monotonic() - began >= 0.11
    waits = recorder.of("on_wait")
    assert 1 <= len(waits) <= 6  # fewer where the machine itself held a call up for 20 ms
    assert all(event.details["what"] == "probe" for event in waits)


def test_two_instances_share_what_they_name(redis_url, colour, of_kind):
    """What one process takes the others have to wait for; a task without a name is known by where it is."""
    named = of_kind(colour, lambda: None, RateLimit("1/h", name="api", max_wait=0))
    own = of_kind(colour, lambda: None, RateLimit("1/h", max_wait=0))
    for number in range(2):
        with Session(Limits(redis_url), inherit=False):
            for probe in (named, own):
                error = probe.run().error
                assert isinstance(error, LimitExceeded) == bool(number)
    assert error.retry_after == pytest.approx(3600, abs=10)
    with Session(Limits(redis_url, prefix="elsewhere"), inherit=False):
        assert named.run().status == "ok"


def test_a_cancelled_wait_gives_its_turn_back(redis_url):
    """The next who asks gets the turn of one that was cancelled."""

    @task(RateLimit("1/h"))
    async def probe():
        return "ran"

    async def main():
        await probe()
        waiting = asyncio.ensure_future(probe())
        await asyncio.sleep(0.2)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await asyncio.sleep(0.1)
        return await probe.with_options(RateLimit("1/h", max_wait=0)).arun()

    with Session(Limits(redis_url), inherit=False):
        assert asyncio.run(main()).error.retry_after == pytest.approx(3600, abs=10)


def test_threads_and_loops_of_two_instances_keep_to_the_rate(redis_url):
    """200 runs at 1,000 a second from two instances, in threads and in a loop, take 0.2 s less the burst."""
    times, guard = [], threading.Lock()

    def note():
        with guard:
            times.append(time.monotonic())

    sync_probe = task(RateLimit("1000/s", 10, "api"), name="sync")(note)

    @task(RateLimit("1000/s", 10, "api"))
    async def async_probe():
        note()

    async def many():
        await asyncio.gather(*(async_probe() for _ in range(50)))

    def go(index):
        with Session(plugins[index % 2], inherit=False):
            asyncio.run(many()) if index < 2 else [sync_probe() for _ in range(50)]

    plugins = [Limits(redis_url), Limits(redis_url)]
    begun = time.monotonic()  # not at the first run: who is let in first may come to note it late
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(go, range(4)))
    assert len(times) == 200
    assert max(times) - begun >= 0.19
