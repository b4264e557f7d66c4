"""Single flight, for threads and for coroutines."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from pegboard import Session, task
from pegboard_cache import Cache, Caching
from pegboard_cache.locks.single_flight import SINGLE_FLIGHT, Ending, SingleFlight


@pytest.fixture
def waiting():
    """Block until so many calls wait for a flight."""

    def until(number):
        pause = threading.Event()
        for _ in range(5000):
            if sum(len(flight.wakes) for flight in SINGLE_FLIGHT._flights.values()) >= number:
                return
            pause.wait(0.002)
        raise AssertionError(f"{number} calls never waited")

    return until


def together(session, task, number):
    """Call a task in so many threads at once, and return the results."""

    def go(_):
        with session:
            return task.run()

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(go, range(number)))


@pytest.fixture(autouse=True)
def nothing_left():
    """After every test no flight and no wait is left over."""
    yield
    assert not SINGLE_FLIGHT._flights
    assert not SINGLE_FLIGHT._waits
    assert not SINGLE_FLIGHT._by_leader


@pytest.fixture(params=["memory", "folder"])
def caching(request, tmp_path):
    """A plugin whose store does no I/O, and one whose store does: flights know no other difference."""
    return Caching() if request.param == "memory" else Caching(tmp_path / "cache")


def test_threads_share_one_run(session, caching, recorder, waiting):
    """Eight threads ask for one key, the body runs once, all get the value."""
    runs = count()

    @task(Cache())
    def body():
        next(runs)
        waiting(7)
        return ("value",)

    assert [result.value for result in together(session, body, 8)] == [("value",)] * 8
    assert next(runs) == 1
    assert len(recorder.of("on_cache_miss")) == 1
    assert len(recorder.of("on_cache_hit")) == 7


def test_threads_share_one_failure(session, caching, recorder, waiting):
    """A failing leader fails everybody who waits with the same error, and nothing is stored."""
    runs, error = count(), LookupError("once")

    @task(Cache())
    def body():
        next(runs)
        waiting(7)
        raise error

    assert all(result.error is error for result in together(session, body, 8))
    assert next(runs) == 1
    assert caching.stats().entries == 0
    assert recorder.unbalanced() == []


def test_coroutines_share_one_run(session, recorder, waiting):
    """A hundred coroutines, one run."""
    runs = count()

    @task(Cache())
    async def body(x):
        next(runs)
        await asyncio.to_thread(waiting, 99)
        return x

    async def main():
        return await asyncio.gather(*(body(1) for _ in range(100)))

    assert asyncio.run(main()) == [1] * 100
    assert next(runs) == 1
    assert len(recorder.of("on_cache_hit")) == 99


def test_coroutines_share_one_failure(session, waiting):
    """The same error object for all of them."""
    runs, error = count(), LookupError("once")

    @task(Cache())
    async def body():
        next(runs)
        await asyncio.to_thread(waiting, 9)
        raise error

    async def main():
        return await asyncio.gather(*(body() for _ in range(10)), return_exceptions=True)

    assert all(result is error for result in asyncio.run(main()))
    assert next(runs) == 1


def test_different_keys_do_not_wait(session):
    """Calls with other inputs run beside each other."""
    both = threading.Barrier(2, timeout=10)

    @task(Cache())
    def body(x):
        both.wait()
        return x

    assert body.map([1, 2], concurrency=2) == [1, 2]


def test_cancelled_leader_hands_over(session, waiting):
    """When the running coroutine is cancelled, one that waits runs in its place."""
    runs, leaders = count(), []

    @task(Cache())
    async def body():
        run = next(runs)
        leaders.append(asyncio.current_task())
        await (asyncio.sleep(0) if run else asyncio.Event().wait())
        return run

    async def main():
        calls = {asyncio.create_task(body()) for _ in range(6)}
        await asyncio.to_thread(waiting, 5)
        leaders[0].cancel()
        calls.remove(leaders[0])
        return await asyncio.gather(*calls)

    assert asyncio.run(main()) == [1] * 5
    assert next(runs) == 2


def test_interrupted_leader_hands_over(session, waiting):
    """So it does when a KeyboardInterrupt ends the leader."""
    runs = count()

    @task(Cache())
    def body():
        if next(runs) == 0:
            waiting(1)
            raise KeyboardInterrupt
        return "second"

    def lead():
        with session, pytest.raises(KeyboardInterrupt):
            body()

    def follow():
        waiting_for_leader()
        with session:
            return body()

    def waiting_for_leader():
        pause = threading.Event()
        while not SINGLE_FLIGHT._flights:
            pause.wait(0.001)

    with ThreadPoolExecutor(2) as pool:
        led, followed = pool.submit(lead), pool.submit(follow)
        assert followed.result(10) == "second"
        led.result(10)


def test_cancelled_waiter_leaves_alone(session, waiting):
    """A call that is cancelled while it waits disturbs nobody."""
    runs, leaders, go = count(), [], asyncio.Event()

    @task(Cache())
    async def body():
        next(runs)
        leaders.append(asyncio.current_task())
        await go.wait()
        return 1

    async def main():
        calls = {asyncio.create_task(body()) for _ in range(2)}
        await asyncio.to_thread(waiting, 1)
        (waiter,) = calls - set(leaders)
        waiter.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiter
        go.set()
        return await leaders[0]

    assert asyncio.run(main()) == 1
    assert next(runs) == 1


@pytest.mark.parametrize("at", range(6))
def test_cancelled_at_any_await(session, at):
    """Cancelled at its k-th step, a leader leaves no flight behind, and the key can be computed."""

    @task(Cache())
    async def body():
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return 1

    async def main():
        doomed = asyncio.create_task(body())
        for _ in range(at):
            await asyncio.sleep(0)
        doomed.cancel()
        await asyncio.gather(doomed, return_exceptions=True)
        return await body()

    assert asyncio.run(main()) == 1


def test_dropped_coroutine_hands_over(session):
    """A leader whose coroutine is closed half-way frees its key."""

    @task(Cache())
    async def body(first):
        await asyncio.sleep(0)
        return 1

    async def main():
        dropped = body(1)
        dropped.send(None)
        dropped.close()
        return await body(1)

    assert asyncio.run(main()) == 1


def test_recursion_runs_uncached(session):
    """A cached task that calls itself with the same inputs runs, instead of waiting for itself."""
    depth = count()

    @task(Cache())
    def body(x):
        return "inner" if next(depth) else body(x)

    assert body(1) == "inner"


def test_recursion_through_threads_runs_uncached(session):
    """So it does when the inner call is made in a map inside the body."""
    depth = count()

    @task(Cache())
    def body(x):
        return "inner" if next(depth) else body.map([x])[0]

    assert body(1) == "inner"


def test_async_recursion_runs_uncached(session):
    """And in a coroutine that gathers."""
    depth = count()

    @task(Cache())
    async def body(x):
        await asyncio.sleep(0)
        return "inner" if next(depth) else (await asyncio.gather(body(x)))[0]

    async def main():
        return await body(1)

    assert asyncio.run(main()) == "inner"


def test_crossed_calls_do_not_deadlock(session):
    """Two calls that need each other's key do not wait for each other for ever."""
    both = threading.Barrier(2, timeout=10)
    depth = threading.local()

    @task(Cache())
    def body(x):
        if getattr(depth, "inside", False):
            return x
        depth.inside = True
        both.wait()
        return body(3 - x)

    def go(x):
        with session:
            return body(x)

    with ThreadPoolExecutor(2) as pool:
        results = [pool.submit(go, x) for x in (1, 2)]
        assert {result.result(10) for result in results} <= {1, 2}


def test_sessions_share_a_folder(tmp_path, waiting):
    """Two plugins on one folder are one place; their calls share one run."""
    runs = count()

    @task(Cache())
    def body():
        next(runs)
        waiting(1)
        return 1

    def go(_):
        with Session(Caching(tmp_path / "cache"), inherit=False):
            return body()

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(go, range(2))) == [1, 1]
    assert next(runs) == 1


def test_memory_stores_do_not_share(waiting):
    """Two memory stores are two places, and each session runs the body."""
    both = threading.Barrier(2, timeout=10)

    @task(Cache())
    def body():
        both.wait()
        return 1

    def go(_):
        with Session(Caching(), inherit=False):
            return body()

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(go, range(2))) == [1, 1]


def test_threads_of_two_loops_share_one_run(session, waiting):
    """Coroutines in two event loops wait for each other without blocking either."""
    runs = count()

    @task(Cache())
    async def body():
        next(runs)
        await asyncio.to_thread(waiting, 1)
        return 1

    async def main():
        async with session:
            return await body()

    with ThreadPoolExecutor(2) as pool:
        assert [f.result(10) for f in [pool.submit(asyncio.run, main()) for _ in range(2)]] == [1, 1]
    assert next(runs) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_fork_during_a_flight(session):
    """A forked process does not wait for a flight whose leader is a thread of its parent."""
    parent, led, go = os.getpid(), threading.Event(), threading.Event()

    @task(Cache())
    def body():
        if os.getpid() == parent:
            led.set()
            go.wait(10)
        return 1

    def lead():
        with session:
            return body()

    with ThreadPoolExecutor(1) as pool:
        leader = pool.submit(lead)
        led.wait(10)
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)  # the runner's own limit goes by it
            signal.alarm(5)
            os._exit(41 + body())
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 42
        go.set()
        assert leader.result(10) == 1


def test_look_again_after_a_flight():
    """A flight that ended between the look for a value and joining means another look, not a second run."""
    flights = SingleFlight()
    ended = flights.ended
    flights.end(flights.join("key", "first", ended), Ending("returned", 1))
    assert flights.join("key", "second", ended) is None
    assert flights.join("key", "second", flights.ended).leader == "second"


def test_failed_flight_leaves_no_cycle(caching):
    """An error of a leader is freed with its last reference, without the garbage collector."""
    import gc
    import weakref

    class FailureError(Exception):
        pass

    @task(Cache())
    def body():
        raise FailureError

    gc.collect()
    gc.disable()
    try:
        with Session(caching, inherit=False):
            try:
                body()
            except FailureError as error:
                gone = weakref.ref(error)
        assert gone() is None
    finally:
        gc.enable()
