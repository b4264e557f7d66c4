"""A concurrency limit around a task."""

from __future__ import annotations

import asyncio
import gc
import random
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from pegboard import DeadlineExceeded, Layer, Order, Session, hookimpl, task
from pegboard_limits import Concurrency, LimitExceeded, Limits


class Gauge:
    """Counts how many are inside, and how many there were at most."""

    def __init__(self):
        self._guard = threading.Lock()
        self.now = self.most = self.runs = 0

    def __enter__(self):
        with self._guard:
            self.now += 1
            self.runs += 1
            self.most = max(self.most, self.now)

    def __exit__(self, *_):
        with self._guard:
            self.now -= 1


@pytest.fixture
def gauge():
    """Nobody inside yet."""
    return Gauge()


@pytest.fixture
def open_session(limits, recorder):
    """An open session on the machine's clock, whose slots are all free at its end."""
    with Session(limits, recorder, inherit=False, strict=True) as session:
        yield session
    gc.collect()
    assert taken(limits) == dict.fromkeys(taken(limits), 0)
    assert recorder.unbalanced() == []


def taken(limits):
    """How many slots of each limit are taken."""
    return {slots.name: slots.taken for slots in limits._rates_and_slots._slots.all()}


def in_threads(session, number, function):
    """Call a function in so many threads at once, inside the session."""

    def go(index):
        with session:
            return function(index)

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(go, range(number)))


def test_threads_keep_to_the_limit(open_session, gauge):
    """Of sixteen threads three are inside at once, and all come through."""

    @task(Concurrency(3))
    def probe(_):
        with gauge:
            time.sleep(0.005)

    in_threads(open_session, 16, probe)
    assert (gauge.most, gauge.runs) == (3, 16)


def test_coroutines_keep_to_the_limit_in_order(open_session, gauge, recorder):
    """First come, first served; those who waited say for how long, and waiting is no run time."""
    order = []

    @task(Concurrency(3))
    async def probe(index):
        order.append(index)
        with gauge:
            await asyncio.sleep(0.002)

    async def main():
        await asyncio.gather(*(probe(index) for index in range(30)))

    asyncio.run(main())
    assert (gauge.most, order) == (3, list(range(30)))
    waits = recorder.of("on_wait")
    assert len(waits) == 27
    assert {event.details["what"] for event in waits} == {"probe"}
    assert all(event.details["seconds"] > 0 for event in waits)


def test_threads_and_coroutines_wait_in_one_queue(open_session, gauge):
    """Sync and async tasks share the slots of one name, and neither blocks the other for ever."""

    @task(Concurrency(2, "shared"))
    def sync_probe(_):
        with gauge:
            time.sleep(0.002)

    @task(Concurrency(2, "shared"))
    async def async_probe(_):
        with gauge:
            await asyncio.sleep(0.002)

    async def many():
        await asyncio.gather(*(async_probe(index) for index in range(20)))

    def go(index):
        asyncio.run(many()) if index % 2 else [sync_probe(each) for each in range(20)]

    in_threads(open_session, 6, go)
    assert (gauge.most, gauge.runs) == (2, 120)


def test_a_thousand_waiters_some_cancelled(open_session, gauge):
    """1,000 coroutines in four loops, cancelled at random while they wait or run; no slot is lost."""
    chance = random.Random(29)
    cancelled = []

    @task(Concurrency(5, "shared"))
    async def probe():
        with gauge:
            await asyncio.sleep(0.0005)

    async def many(seed):
        chance = random.Random(seed)
        waiting = [asyncio.ensure_future(probe()) for _ in range(250)]
        for each in chance.sample(waiting, 120):
            await asyncio.sleep(chance.random() * 0.001)
            each.cancel()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        cancelled.append(sum(isinstance(result, asyncio.CancelledError) for result in results))

    seeds = [chance.random() for _ in range(4)]
    in_threads(open_session, 4, lambda index: asyncio.run(many(seeds[index])))
    assert gauge.most == 5
    assert gauge.now == 0
    assert gauge.runs >= 1000 - sum(cancelled)
    assert sum(cancelled) > 100


@pytest.mark.parametrize(
    "error",
    [ValueError, KeyboardInterrupt, SystemExit, asyncio.CancelledError],
    ids=lambda each: each.__name__,
)
def test_the_slot_is_freed_however_the_call_ends(open_session, colour, of_kind, error):
    """An error, Ctrl-C, an exit and a cancellation free the slot."""

    def body(fails):
        if fails:
            raise error
        return "free"

    probe = of_kind(colour, body, Concurrency(1, max_wait=0))
    for _ in range(3):
        with pytest.raises(error):
            asyncio.run(probe.acall(True))
    assert probe.run(False).value == "free"


def test_a_stream_holds_its_slot_from_its_first_step_to_its_end(open_session, limits):
    """Not before its first step; until it ends, is closed, or is dropped."""

    @task(Concurrency(1, max_wait=0))
    def lines():
        yield 1
        yield 2

    unread, reading = lines(), lines()
    assert next(reading) == 1
    with pytest.raises(LimitExceeded):
        next(lines())
    assert list(reading) == [2]
    assert next(unread) == 1
    unread.close()
    dropped = lines()
    assert next(dropped) == 1
    del dropped
    gc.collect()
    assert list(lines()) == [1, 2]


def test_an_async_stream_holds_its_slot_as_well(open_session):
    """The same in a loop: another one waits until the first is closed."""

    @task(Concurrency(1))
    async def lines():
        yield 1
        yield 2

    async def rest(stream):
        return [item async for item in stream]

    async def main():
        first = lines()
        assert await anext(first) == 1
        second = asyncio.ensure_future(rest(lines()))
        await asyncio.sleep(0.01)
        assert not second.done()
        await first.aclose()
        return await asyncio.wait_for(second, 10)

    assert asyncio.run(main()) == [1, 2]


def test_a_call_inside_shares_the_slot(open_session, colour, recorder):
    """Recursion and tasks that share a limit do not wait for themselves."""

    @task(Concurrency(1, "shared"))
    def function(depth):
        return 0 if depth == 0 else 1 + function(depth - 1)

    @task(Concurrency(1, "shared"))
    async def coroutine(depth):
        await asyncio.sleep(0)
        return function(3) if depth == 0 else 1 + await coroutine(depth - 1)

    assert {"function": function, "coroutine": coroutine}[colour].run(5).value in (5, 8)
    assert recorder.of("on_wait") == []


def test_calls_inside_run_one_at_a_time(open_session, gauge):
    """A call that starts many inside itself lends its slot to one after the other: the limit holds all the same."""

    @task(Concurrency(2, "shared"))
    async def inner():
        with gauge:
            await asyncio.sleep(0.001)

    @task(Concurrency(2, "shared"))
    async def outer():
        await asyncio.gather(*(inner() for _ in range(10)))

    async def main():
        await asyncio.wait_for(asyncio.gather(*(outer() for _ in range(4))), 30)

    asyncio.run(main())
    assert (gauge.most, gauge.runs) == (2, 40)


def test_a_call_left_behind_keeps_the_slot_of_the_one_it_was_made_in(open_session, limits):
    """A slot that is lent comes free when the last one inside is over, not when the outer call is."""

    @task(Concurrency(1, "shared"))
    async def inner(end):
        await end.wait()

    @task(Concurrency(1, "shared"))
    async def outer(end):
        left = [asyncio.ensure_future(inner(end)) for _ in range(2)]
        await asyncio.sleep(0)
        return left

    async def main():
        end = asyncio.Event()
        left = await outer(end)
        refused = await inner.with_options(Concurrency(1, "shared", max_wait=0)).arun(end)
        assert isinstance(refused.error, LimitExceeded)
        end.set()
        await asyncio.wait_for(asyncio.gather(*left), 10)
        await asyncio.wait_for(inner(end), 10)

    asyncio.run(main())


def test_two_limits_are_taken_in_one_order(open_session, gauge):
    """Tasks that name the same two limits in different order do not wait for each other for ever."""

    @task(Concurrency(1, "a"), Concurrency(1, "b"), Concurrency(3))
    def one(_):
        with gauge:
            time.sleep(0.001)

    @task(Concurrency(3), Concurrency(1, "b"), Concurrency(1, "a"))
    def other(_):
        with gauge:
            time.sleep(0.001)

    in_threads(open_session, 8, lambda index: [(one if index % 2 else other)(each) for each in range(10)])
    assert (gauge.most, gauge.runs) == (1, 80)


def test_the_same_limit_twice_is_one(open_session, colour, of_kind):
    """An option written twice does not make a call wait for itself."""
    probe = of_kind(colour, lambda: "ran", Concurrency(1, max_wait=0), Concurrency(1, max_wait=0))
    assert probe.run().value == "ran"


def test_max_wait_refuses(open_session, limits):
    """`max_wait`: 0 refuses at once, more waits that long; the call does not run, and others do later."""

    @task(Concurrency(1))
    async def probe(end):
        await end.wait()

    async def main():
        end = asyncio.Event()
        first = asyncio.ensure_future(probe(end))
        await asyncio.sleep(0)
        for seconds in (0, 0.02):
            refused = await probe.with_options(Concurrency(1, max_wait=seconds)).arun(end)
            assert isinstance(refused.error, LimitExceeded)
            assert (refused.error.max_wait, refused.error.retry_after) == (seconds, None)
            assert refused.attempts == 0
        end.set()
        await first

    asyncio.run(main())


def test_a_thread_that_waits_too_long_is_refused(open_session):
    """The same for functions, in threads."""
    inside, end = threading.Event(), threading.Event()

    @task(Concurrency(1))
    def probe():
        inside.set()
        end.wait(10)

    def go(index):
        if index == 0:
            return probe.run()
        assert inside.wait(10)
        result = probe.with_options(Concurrency(1, max_wait=0.02)).run()
        end.set()
        return result

    first, second = in_threads(open_session, 2, go)
    assert first.status == "ok"
    assert isinstance(second.error, LimitExceeded)


class TimeLimit:
    """A limit around one task, as a deadline is."""

    name = "time_limit"

    @hookimpl
    def bind(self, session, task):
        if task.name != "outer":
            return None

        async def run(call, proceed):
            async with call.timeout(0.05, DeadlineExceeded):
                return await proceed(call)

        return Layer("time_limit", Order.DEADLINE, run=run)


def test_the_wait_respects_the_deadline_of_the_call_around(limits, colour):
    """A call that waits for a slot inside one with a deadline stops waiting when that is over."""
    inside, end, over, said = threading.Event(), threading.Event(), threading.Event(), []

    @task(Concurrency(1, "shared"))
    def holder():
        inside.set()
        end.wait(10)

    @task(Concurrency(1, "shared"))
    def function():
        return "ran"

    @task(Concurrency(1, "shared"))
    async def coroutine():
        return "ran"

    @task(name="outer")
    def outer():
        try:
            function()
        except LimitExceeded as error:
            said.append(str(error))
            over.set()
            end.wait(10)
            raise

    @task(name="outer")
    async def aouter():
        try:
            await coroutine()
        except asyncio.CancelledError:
            over.set()
            raise

    session = Session(limits, TimeLimit(), inherit=False)
    with session, ThreadPoolExecutor(1) as pool:

        def hold():
            with session:
                holder()

        held = pool.submit(hold)
        assert inside.wait(10)
        result = {"function": outer, "coroutine": aouter}[colour].run()
        assert isinstance(result.error, DeadlineExceeded)
        assert over.wait(10)
        assert all("no time left" in text for text in said)
        end.set()
        held.result(10)
        assert function() == "ran"


def test_a_waiter_whose_loop_is_gone_is_passed_over(open_session, limits):
    """A loop that was closed with a waiter in it does not keep the slot: the next one gets it."""

    @task(Concurrency(1))
    async def probe():
        return "ran"

    @task(Concurrency(1, "shared"))
    def hold():
        yield 1

    shared = probe.with_options(Concurrency(1, "shared"))
    stream = hold()
    next(stream)
    loop = asyncio.new_event_loop()
    waiting = loop.create_task(shared())
    loop.run_until_complete(asyncio.sleep(0))
    later = asyncio.new_event_loop()
    behind = later.create_task(shared())
    later.run_until_complete(asyncio.sleep(0))
    loop.close()
    stream.close()
    assert later.run_until_complete(asyncio.wait_for(behind, 10)) == "ran"
    later.close()
    waiting._log_destroy_pending = False
    waiting.get_coro().close()  # as the collector does, some time


def test_many_sessions_share_the_slots_of_one_instance(gauge):
    """An instance that serves two sessions holds its limit over both."""
    limits = Limits()

    @task(Concurrency(2, "shared"))
    def probe(_):
        with gauge:
            time.sleep(0.002)

    def go(index):
        with Session(limits, inherit=False):
            return [probe(each) for each in range(5)]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(go, range(8)))
    assert (gauge.most, gauge.runs) == (2, 40)


@pytest.fixture
def interrupt_soon():
    """Make Ctrl-C come to this thread in a moment."""

    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    yield lambda: signal.setitimer(signal.ITIMER_REAL, 0.05)
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def test_ctrl_c_ends_the_wait_of_a_thread(open_session, interrupt_soon):
    """A function that is interrupted while it waits does not run, and leaves the queue to the next."""
    inside, end = threading.Event(), threading.Event()
    runs = []

    @task(Concurrency(1, "shared"))
    def holder():
        inside.set()
        end.wait(10)

    @task(Concurrency(1, "shared"))
    def probe():
        runs.append(1)

    def hold():
        with open_session:
            holder()

    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(hold)
        assert inside.wait(10)
        interrupt_soon()
        with pytest.raises(KeyboardInterrupt):
            probe()
        end.set()
        held.result(10)
    assert runs == []
    probe()
    assert runs == [1]


def test_ctrl_c_in_an_observer_of_the_wait_frees_the_slot(limits):
    """The slot that came is given back when the call does not go on."""

    class Interrupting:
        name = "interrupting"

        @hookimpl
        def on_wait(self):
            raise KeyboardInterrupt

    @task(Concurrency(1))
    async def probe():
        await asyncio.sleep(0.001)

    async def main():
        async def second():
            with pytest.raises(KeyboardInterrupt):
                await probe()

        await asyncio.gather(probe(), second())

    with Session(limits, Interrupting(), inherit=False):
        asyncio.run(main())
    assert taken(limits) == {"probe": 0}
