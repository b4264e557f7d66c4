"""The breaker around a task: what it counts, what it refuses, what it says."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from pegboard import BindError, DeadlineExceeded, Layer, Order, Session, hookimpl, task
from pegboard.testing import Instruments
from pegboard_limits import Breaker, BreakerOpen, Limits


class Service:
    """What a task calls: up or down, and how often it was asked."""

    def __init__(self):
        self.asked = 0
        self.error = None

    def __call__(self, *_):
        self.asked += 1
        if self.error is not None:
            raise self.error
        return self.asked


@pytest.fixture
def service():
    """A service that is up."""
    return Service()


def fail(probe, service, times=1, error=None):
    """Call a task so often while its service is down."""
    service.error = error or OSError("down")
    results = [probe.run() for _ in range(times)]
    service.error = None
    return results[-1]


def test_the_nth_failure_opens_and_open_refuses_without_a_run(session, limits, kind, of_kind, service):
    """The third failure opens; then the function does not run, and the refusal says when to come back."""
    probe = of_kind(kind, service, Breaker(3, 10))
    assert isinstance(fail(probe, service, 3).error, OSError)
    result = probe.run()
    assert isinstance(result.error, BreakerOpen)
    assert (result.error.name, result.error.task, result.error.retry_after) == ("probe", "probe", 10)
    assert (service.asked, result.attempts, result.error.retryable) == (3, 0, False)
    assert limits.breakers()["probe"].state == "open"


def test_a_success_while_closed_zeroes(session, limits, kind, of_kind, service):
    """Only consecutive failures count."""
    probe = of_kind(kind, service, Breaker(3))
    for _ in range(4):
        fail(probe, service, 2)
        assert limits.breakers()["probe"].failures == 2
        assert probe.run().status == "ok"
    assert limits.breakers()["probe"].failures == 0
    assert service.asked == 12


def test_a_probe_that_succeeds_closes_and_zeroes(session, clock, limits, changes, kind, of_kind, service):
    """After the wait the next call runs, and its success makes everything as it was."""
    probe = of_kind(kind, service, Breaker(2, 10))
    fail(probe, service, 2)
    clock.advance(9.9)
    assert isinstance(probe.run().error, BreakerOpen)
    clock.advance(0.1)
    assert probe.run().status == "ok"
    assert (limits.breakers()["probe"].state, limits.breakers()["probe"].failures) == ("closed", 0)
    fail(probe, service)
    assert probe.run().status == "ok"
    assert [entry[1:] for entry in changes.seen] == [
        ("probe", "open", "closed"),
        ("probe", "half_open", "open"),
        ("probe", "closed", "half_open"),
    ]


def test_a_probe_that_fails_opens_with_a_fresh_timer(session, clock, kind, of_kind, service):
    """One failure of a probe is enough, and the whole recovery begins anew."""
    probe = of_kind(kind, service, Breaker(3, 10))
    fail(probe, service, 3)
    clock.advance(14)
    assert isinstance(fail(probe, service).error, OSError)
    clock.advance(9)
    assert probe.run().error.retry_after == 1
    clock.advance(1)
    assert probe.run().status == "ok"
    assert service.asked == 5


def test_one_probe_among_eight_threads(session, clock, limits):
    """Of eight threads that come after the recovery one runs, and the others are refused meanwhile."""
    refused, down, runs = threading.Semaphore(0), [True], []

    @task(Breaker(3, 10))
    def probe():
        if down:
            raise OSError("down")
        runs.append(threading.get_ident())
        for _ in range(7):
            assert refused.acquire(timeout=10)

    for _ in range(3):
        probe.run()
    down.clear()
    clock.advance(10)
    gate = threading.Barrier(8)

    def go(_):
        with session:
            gate.wait(10)
            result = probe.run()
            if isinstance(result.error, BreakerOpen):
                refused.release()
            return result

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(go, range(8)))
    assert len(runs) == 1
    assert sorted(result.status for result in results) == ["error"] * 7 + ["ok"]
    assert {r.error.retry_after for r in results if r.error} == {0.0}
    assert limits.breakers()["probe"].state == "closed"


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit, asyncio.CancelledError])
def test_what_ends_a_program_is_no_failure(session, limits, colour, of_kind, service, stop):
    """A KeyboardInterrupt, an exit and a cancellation say nothing about the service."""
    probe = of_kind(colour, service, Breaker(1))
    service.error = stop()
    with pytest.raises(stop):
        asyncio.run(probe.acall())
    assert limits.breakers()["probe"].failures == 0
    assert limits.breakers()["probe"].state == "closed"


def test_a_cancelled_probe_gives_the_probe_back(session, clock, limits):
    """The next call is the probe when the one on its way is cancelled."""
    hang = []

    @task(Breaker(1, 10))
    async def probe():
        if not hang:
            raise OSError("down")
        await asyncio.sleep(hang.pop())
        return "up"

    async def main():
        with pytest.raises(OSError, match="down"):
            await probe()
        clock.advance(10)
        hang.extend([0, 3600])
        first = asyncio.ensure_future(probe())
        await asyncio.sleep(0)
        with pytest.raises(BreakerOpen):
            await probe()
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert limits.breakers()["probe"].state == "half_open"
        return await probe()

    assert asyncio.run(main()) == "up"
    assert limits.breakers()["probe"].state == "closed"


class Inner:
    """A layer inside the breaker that fails before the function runs."""

    name = "inner"

    def __init__(self):
        self.error = None

    @hookimpl
    def bind(self, session, task):
        async def run(call, proceed):
            if self.error is not None:
                raise self.error
            return await proceed(call)

        async def stream(call, proceed):
            if self.error is not None:
                raise self.error
            async for item in proceed(call):
                yield item

        return Layer("inner", Order.INJECT, run=run, stream=stream)


def test_an_attempt_that_never_began_counts_neither_way(clock, limits, kind, of_kind, service):
    """What fails between breaker and function is no failure of the service, and gives a probe back."""
    inner = Inner()
    probe = of_kind(kind, service, Breaker(2, 10))
    with Session(clock, limits, inner, inherit=False, strict=True):
        inner.error = LookupError("no secret")
        for _ in range(5):
            assert isinstance(probe.run().error, LookupError)
        assert limits.breakers()["probe"].failures == 0
        inner.error = None
        fail(probe, service, 2)
        clock.advance(10)
        inner.error = LookupError("no secret")
        assert isinstance(probe.run().error, LookupError)
        assert limits.breakers()["probe"].state == "half_open"
        inner.error = None
        assert probe.run().status == "ok"


@pytest.mark.parametrize(
    ("option", "error", "opens"),
    [
        (Breaker(1, on=OSError), OSError(), True),
        (Breaker(1, on=OSError), KeyError(), False),
        (Breaker(1, on=(OSError, KeyError)), KeyError(), True),
        (Breaker(1, unless=KeyError), KeyError(), False),
        (Breaker(1, unless=KeyError), OSError(), True),
        (Breaker(1, on=lambda error: "5" in str(error)), OSError("503"), True),
        (Breaker(1, on=lambda error: "5" in str(error)), OSError("404"), False),
    ],
    ids=["listed", "not listed", "one of two", "excluded", "not excluded", "wanted", "not wanted"],
)
def test_which_errors_count(session, limits, colour, of_kind, service, option, error, opens):
    """`on` and `unless` take classes and functions of the error."""
    probe = of_kind(colour, service, option)
    fail(probe, service, error=error)
    assert limits.breakers()["probe"].state == ("open" if opens else "closed")


def test_an_error_that_does_not_count_is_an_answer(session, clock, limits, colour, of_kind, service):
    """It zeroes the count, and closes the breaker when the probe got it."""
    probe = of_kind(colour, service, Breaker(2, 10, unless=KeyError))
    fail(probe, service)
    fail(probe, service, error=KeyError("404"))
    assert limits.breakers()["probe"].failures == 0
    fail(probe, service, 2)
    clock.advance(10)
    fail(probe, service, error=KeyError("404"))
    assert limits.breakers()["probe"].state == "closed"


class TimeLimit:
    """A limit around the whole call, as a deadline is."""

    name = "time_limit"

    @hookimpl
    def bind(self, session, task):
        async def run(call, proceed):
            async with call.timeout(0.02, DeadlineExceeded):
                return await proceed(call)

        return Layer("time_limit", Order.DEADLINE, run=run)


def test_the_end_of_a_deadline_is_no_failure(limits, colour):
    """A coroutine is cancelled by it and a function gets its error; neither says that the service failed."""
    started, over = threading.Event(), threading.Event()

    @task(Breaker(1), name="probe")
    def function():
        started.set()
        over.wait(10)

    @task(Breaker(1), name="probe")
    async def coroutine():
        started.set()
        await asyncio.sleep(10)

    with Session(limits, TimeLimit(), inherit=False):
        result = {"function": function, "coroutine": coroutine}[colour].run()
        over.set()
    assert isinstance(result.error, DeadlineExceeded)
    assert started.is_set()
    assert limits.breakers()["probe"].state == "closed"


def test_a_call_that_ends_late_changes_nothing(session, clock, limits):
    """A call from before the breaker opened neither closes it nor begins its recovery anew."""
    begun, ends = threading.Barrier(3), [threading.Event(), threading.Event()]

    @task(Breaker(2, 10))
    def probe(end=None):
        if end is None:
            raise OSError("down")
        begun.wait(10)
        ends[end].wait(10)
        if end:
            raise OSError("late")

    def go(end):
        with session:
            return probe.run(end)

    with ThreadPoolExecutor(2) as pool:
        late = [pool.submit(go, 0), pool.submit(go, 1)]
        begun.wait(10)
        probe.run()
        probe.run()
        clock.advance(4)
        ends[0].set()
        assert late[0].result(10).status == "ok"
        assert limits.breakers()["probe"].state == "open"
        ends[1].set()
        assert late[1].result(10).status == "error"
    assert limits.breakers()["probe"].retry_after == 6


def test_what_a_probe_calls_is_part_of_it(session, clock, limits):
    """A probe whose task calls another one with the same breaker is not refused by itself."""
    down = [True]

    @task(Breaker(1, 10, name="db"))
    def inner():
        if down:
            raise OSError("down")
        return "up"

    @task(Breaker(1, 10, name="db"))
    def outer():
        return inner()

    inner.run()
    down.clear()
    clock.advance(10)
    assert outer() == "up"
    assert limits.breakers()["db"].state == "closed"


def test_tasks_share_a_breaker_by_name(session, limits, changes, of_kind, service):
    """Failures of one refuse the other; without a name each task has its own."""
    named = [of_kind(kind, service, Breaker(2, name="db")) for kind in ("function", "coroutine")]
    for probe in named:
        fail(probe, service)
    assert all(isinstance(probe.run().error, BreakerOpen) for probe in named)
    own = [of_kind(kind, service, Breaker(2)) for kind in ("function", "coroutine")]
    fail(own[0], service, 2)
    assert isinstance(own[0].run().error, BreakerOpen)
    assert own[1].run().status == "ok"
    assert {name: record.state for name, record in limits.breakers().items()} == {
        "db": "open",
        "probe": "open",
        "probe#2": "closed",
    }
    assert changes.seen == [("probe", "db", "open", "closed"), ("probe", "probe", "open", "closed")]


def test_one_name_has_one_setting(session, of_kind, service):
    """Two tasks that mean different breakers by one name are told so at the first call."""
    of_kind("function", service, Breaker(2, name="db")).run()
    with pytest.raises(BindError, match=r"share the breaker 'db', and give it different settings"):
        of_kind("function", service, Breaker(3, name="db"))()


def test_a_stream_is_one_attempt(session, limits):
    """A stream that fails after some items is one failure; one that its consumer leaves early is none."""

    @task(Breaker(2))
    def lines(most):
        for number in range(10):
            if number == most:
                raise OSError("cut off")
            yield number

    assert isinstance(lines.run(3).error, OSError)
    assert limits.breakers()["lines"].failures == 1
    stream = lines(99)
    next(stream)
    stream.close()
    assert limits.breakers()["lines"].failures == 0
    lines.run(3)
    lines.run(0)
    with pytest.raises(BreakerOpen):
        next(lines(99))


def test_a_stream_that_is_a_probe_holds_it_until_it_ends(session, clock, limits):
    """While a probing stream is read others are refused; leaving it after an item is a success, and before one nothing."""

    @task(Breaker(1, 10))
    async def lines(fails=False):
        if fails:
            raise OSError("down")
        yield 1
        yield 2

    async def main():
        with pytest.raises(OSError, match="down"):
            await anext(lines(True))
        clock.advance(10)
        stream = lines()
        assert await anext(stream) == 1
        with pytest.raises(BreakerOpen):
            await anext(lines())
        assert limits.breakers()["lines"].state == "half_open"
        await stream.aclose()
        assert limits.breakers()["lines"].state == "closed"

    asyncio.run(main())


def test_an_interrupt_in_an_observer_gives_the_probe_back(clock, limits, of_kind, service):
    """Ctrl-C while the change is told does not leave a probe behind that nobody makes."""
    interrupt = [KeyboardInterrupt()]

    class Interrupting:
        name = "interrupting"

        @hookimpl
        def on_breaker_change(self, state):
            if state == "half_open" and interrupt:
                raise interrupt.pop()

    probe = of_kind("function", service, Breaker(1, 10))
    with Session(limits, clock, Interrupting(), inherit=False):
        fail(probe, service)
        clock.advance(10)
        with pytest.raises(KeyboardInterrupt):
            probe()
        assert probe.run().status == "ok"


def test_the_state_is_measured_as_soon_as_the_breaker_is_there(clock, limits, of_kind, service):
    """0 closed, 1 half open, 2 open, by the breaker's name; closed before its first call, too."""
    instruments, states = Instruments(), []
    probe = of_kind("function", service, Breaker(1, 10, name="shop"))

    def state():
        return instruments.value("pegboard_breaker_state", pegboard_breaker_name="shop")

    class Watching:
        name = "watching"

        @hookimpl
        def on_breaker_change(self):
            states.append(state())

    with Session(limits, clock, instruments, Watching(), inherit=False, strict=True) as session:
        session.explain(probe)
        assert state() == 0
        fail(probe, service)
        clock.advance(10)
        probe()
    assert states == [2, 1, 0]


def test_the_breaker_outlives_its_session(clock, of_kind, service):
    """A `Limits` that serves one session after another keeps its breakers open."""
    limits, probe = Limits(), of_kind("function", service, Breaker(1, 10))
    with Session(clock, limits, inherit=False):
        fail(probe, service)
    with Session(clock, limits, inherit=False):
        assert isinstance(probe.run().error, BreakerOpen)
    clock.advance(10)
    with Session(clock, limits, inherit=False):
        assert probe.run().status == "ok"
