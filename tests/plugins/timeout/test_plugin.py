"""Limits on real functions and coroutines. Those that have to pass are short: what passes them never waits them out."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from pegboard import DeadlineExceeded, Layer, Order, Session, TaskTimeout, current_call, hookimpl, task
from pegboard.testing import FakeClock, Recorder, check_plugin
from pegboard_timeout import Deadline, Timeout, Timeouts

LIMITS = [(Timeout, TaskTimeout), (Deadline, DeadlineExceeded)]
limits = pytest.mark.parametrize(("option", "error"), LIMITS, ids=["timeout", "deadline"])


class Retries:
    """Runs a failed task again: three times in all, with a wait."""

    name = "retries"

    def __init__(self, wait: float = 0) -> None:
        self.wait = wait

    @hookimpl
    def bind(self) -> Layer:
        async def run(call, proceed):
            for _ in range(2):
                try:
                    return await proceed(call)
                except Exception:  # noqa: BLE001 - retries them all
                    await call.sleep(self.wait)
            return await proceed(call)

        return Layer(self.name, Order.RETRY, run)


@pytest.fixture
def release():
    """An event that stuck functions wait for; set at the end, so that none stays."""
    event = threading.Event()
    yield event
    event.set()


@limits
def test_a_function_is_left_behind_in_time(option, error, release) -> None:
    """The error is raised within 0.1 s of the limit, though the function goes on."""

    @task(option(0.1))
    def stuck() -> None:
        release.wait(30)

    with Session() as session:
        before = time.monotonic()
        with pytest.raises(error):
            stuck()
        assert time.monotonic() - before < 0.2
        assert session.abandoned_threads == 1


def test_an_abandoned_thread_is_counted_until_it_ends(release) -> None:
    """`session.abandoned_threads` goes up at the limit, and down when the function ends."""

    @task(Timeout(0.05))
    def stuck() -> None:
        release.wait(30)

    with Session() as session:
        with pytest.raises(TaskTimeout):
            stuck()
        assert session.abandoned_threads == 1
        release.set()
        for _ in range(500):
            if session.abandoned_threads == 0:
                break
            threading.Event().wait(0.01)
        assert session.abandoned_threads == 0


@limits
def test_a_coroutine_is_cancelled(option, error) -> None:
    """Its `finally` has run when the error leaves."""
    cleaned = []

    @task(option(0.05))
    async def stuck() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            cleaned.append(True)

    with Session(), pytest.raises(error):
        asyncio.run(stuck.acall())
    assert cleaned == [True]


def test_every_attempt_of_a_coroutine_has_its_own_limit() -> None:
    """Three attempts, three clean-ups, about three limits in all."""
    cleaned = []

    @task(Timeout(0.1))
    async def stuck() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            cleaned.append(current_call().attempt)

    with Session(Retries()):
        before = time.monotonic()
        with pytest.raises(TaskTimeout):
            asyncio.run(stuck.acall())
        assert 0.3 <= time.monotonic() - before < 0.8
    assert cleaned == [1, 2, 3]


def test_a_timeout_is_an_error_like_any_other() -> None:
    """It is the outcome's error and told to observers; an attempt that was left behind ends once."""
    recorder = Recorder()

    @task(Timeout(0.05))
    async def stuck() -> None:
        await asyncio.sleep(60)

    with Session(recorder):
        result = asyncio.run(stuck.arun())
    assert isinstance(result.error, TimeoutError)
    assert recorder.log() == [
        "before_execute",
        "before_attempt 1",
        "after_attempt 1 CancelledError",
        "on_error TaskTimeout",
        "after_execute error/run 1",
    ]


@limits
def test_the_late_result_goes_nowhere(option, error, release) -> None:
    """No event of the call comes after its end, and no layer outside sees the value."""
    ended = threading.Event()
    seen = []

    class Keeper:
        name = "keeper"

        @hookimpl
        def bind(self) -> Layer:
            async def run(call, proceed):
                seen.append(await proceed(call))

            return Layer(self.name, Order.CACHE, run)

    @task(option(0.05))
    def late() -> str:
        release.wait(30)
        ended.set()
        return "late"

    recorder = Recorder()
    with Session(recorder, Keeper()):
        with pytest.raises(error):
            late()
        told = recorder.log()
        release.set()
        assert ended.wait(10)
    assert recorder.log() == told
    assert seen == []


def test_waits_count_towards_the_deadline() -> None:
    """A wait that would pass it lasts until it, and the call ends there."""

    @task(Deadline(5))
    def fails() -> None:
        raise OSError

    clock = FakeClock()
    with Session(clock, Retries(wait=3)), pytest.raises(DeadlineExceeded):
        fails()
    assert clock.sleeps == [3, 2]


def test_a_nested_call_has_what_is_left() -> None:
    """`time_left` of an inner call is what its caller has left, or its own limit if that is less."""
    clock = FakeClock()

    @task
    def plain() -> float:
        return current_call().time_left

    @task(Timeout(2))
    def short() -> float:
        return current_call().time_left

    @task(Timeout(1000))
    def long() -> float:
        return current_call().time_left

    @task(Deadline(100))
    def outer() -> list[float]:
        clock.advance(30)
        return [current_call().time_left, plain(), short(), long()]

    with Session(clock):
        assert outer() == [70, 70, 2, 70]
        assert plain() is None


def test_a_nested_coroutine_has_what_is_left() -> None:
    """The same through `await`, with an inner limit that is longer."""

    @task(Timeout(60))
    async def inner() -> float:
        return current_call().time_left

    @task(Deadline(5))
    async def outer() -> float:
        return await inner()

    with Session():
        assert asyncio.run(outer.acall()) <= 5


def test_an_abandoned_function_calls_nothing_more(release) -> None:
    """A call that it makes after the limit is refused, and its function does not run."""
    ran, refused = [], []

    @task
    def inner() -> None:
        ran.append(True)

    @task(Deadline(0.05))
    def outer() -> None:
        release.wait(30)
        refused.append(inner.run().error)

    with Session() as session:
        with pytest.raises(DeadlineExceeded):
            outer()
        release.set()
        while session.abandoned_threads:
            threading.Event().wait(0.01)
    assert ran == []
    [error] = refused
    assert isinstance(error, DeadlineExceeded)
    assert not error.retryable
    assert "which called it" in str(error)


def test_a_limit_that_was_kept_binds_nobody_afterwards() -> None:
    """A stream that a task leaves behind in time may go on after the task's limit."""
    clock = FakeClock()

    @task
    def items():
        yield from range(3)

    @task(Deadline(5))
    def started():
        stream = items()
        next(stream)
        return stream

    with Session(clock):
        stream = started()
        clock.advance(60)
        assert list(stream) == [1, 2]


def test_a_stream_inside_ends_at_the_limit() -> None:
    """The next item of a generator task is refused once its caller's time is up."""
    clock = FakeClock()
    got = []

    @task
    def items():
        yield from range(3)

    @task(Deadline(5))
    def outer() -> None:
        for item in items():
            got.append(item)
            clock.advance(4)

    with Session(clock), pytest.raises(DeadlineExceeded):
        outer()
    assert got == [0, 1]


def test_quick_calls_leave_no_thread_behind() -> None:
    """Within both limits the value is returned and nothing is abandoned."""

    @task(Timeout(30), Deadline(30))
    def double(x: int) -> int:
        return 2 * x

    with Session() as session:
        assert double.map(range(50)) == [2 * x for x in range(50)]
        assert session.abandoned_threads == 0


@pytest.mark.parametrize("outer_limit", [0.05, 30])
def test_the_earlier_limit_counts(outer_limit: float, release) -> None:
    """A deadline that ends before the attempt's timeout is the one that is raised, and the other way round."""

    @task(Deadline(outer_limit), Timeout(30.05 - outer_limit))
    def stuck() -> None:
        release.wait(60)

    with Session(), pytest.raises(TaskTimeout) as caught:
        stuck()
    assert (type(caught.value) is DeadlineExceeded) == (outer_limit < 1)


def test_manners() -> None:
    """The plugin keeps to what every plugin promises."""
    check_plugin(Timeouts, Timeout(30), Deadline(30))


def test_a_limit_around_a_running_call_keeps_its_name(release) -> None:
    """An inner call that is cut short by its caller's deadline says whose it was, and is not tried again."""

    @task(Timeout(30))
    def inner() -> None:
        release.wait(30)

    @task(Deadline(0.1), name="outer")
    def outer() -> None:
        inner()

    recorder = Recorder()
    with Session(Retries(), recorder), pytest.raises(DeadlineExceeded) as caught:
        outer()
    inner_errors = [event.details["error"] for event in recorder.of("on_error") if event.task == inner.name]
    assert caught.value.task == "outer"
    assert [str(error) for error in inner_errors if "task 'outer', which called it" not in str(error)] == []


def test_a_body_that_ends_just_at_its_limit_leaves_no_other_error() -> None:
    """It is the value or a TaskTimeout, never the bare error of a wait."""

    @task(Timeout(0.002))
    def close() -> int:
        time.sleep(0.002)
        return 1

    with Session():
        kinds = {type(close.run().error) for _ in range(200)}
    assert kinds <= {TaskTimeout, type(None)}
