"""Effects of a call: the same words in both colours, blocking in one and suspending in the other."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest

from pegboard import (
    DeadlineExceeded,
    Layer,
    Order,
    Session,
    TaskTimeout,
    UnknownEvent,
    current_call,
    hookimpl,
    hookspec,
    task,
)
from pegboard.calls.side_threads import SIDE_THREADS
from pegboard.testing import FakeClock, Recorder


class Around:
    """A plugin of one layer, made of a function."""

    def __init__(self, run, name: str = "around", order: int = Order.LIMIT) -> None:
        self.name = name
        self._layer = Layer(name, order, run)

    @hookimpl
    def bind(self) -> Layer:
        return self._layer


@task
def double(x: int) -> int:
    return 2 * x


@task
async def adouble(x: int) -> int:
    await asyncio.sleep(0)
    return 2 * x


both = pytest.mark.parametrize("probe", [double, adouble], ids=["sync", "async"])


def value_of(probe, *args) -> object:
    """Call a task of either colour and return its value, or raise its error."""
    return probe.run(*args).unwrap()


# sleep ---------------------------------------------------------------------------------------------------------------


@both
def test_sleep_goes_by_the_sessions_clock(probe) -> None:
    """A wait in a layer takes no time on a fake clock, and is recorded there in seconds."""

    async def wait(call, proceed):
        await call.sleep(60.0)
        return await proceed(call)

    clock = FakeClock()
    with Session(clock, Around(wait)):
        assert value_of(probe, 1) == 2
    assert clock.sleeps == [60.0]


@both
def test_a_wait_of_nothing_never_calls_the_clock(probe) -> None:
    """Zero or less returns at once."""

    async def wait(call, proceed):
        await call.sleep(0)
        await call.sleep(-1)
        return await proceed(call)

    clock = FakeClock()
    with Session(clock, Around(wait)):
        value_of(probe, 1)
    assert clock.sleeps == []


# io, offload ---------------------------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("twin", [True, False], ids=["with async twin", "without"])
def test_io_blocks_in_a_sync_call_and_not_in_an_async_one(probe, twin: bool) -> None:
    """A sync call runs the function where it is; an async one awaits the twin, or a thread."""
    ran = []

    def read(key: str) -> str:
        ran.append(("sync", threading.get_ident()))
        return key

    async def aread(key: str) -> str:
        ran.append(("async", threading.get_ident()))
        return key

    async def fetch(call, proceed):
        assert await call.io(read, "k", afn=aread if twin else None) == "k"
        return await proceed(call)

    with Session(Around(fetch)):
        value_of(probe, 1)
    colour, thread = ran[0]
    assert colour == ("async" if twin and probe is adouble else "sync")
    assert (thread == threading.get_ident()) is (probe is double or twin)


@both
def test_offload_runs_on_the_executor_and_keeps_the_context(probe) -> None:
    """What is offloaded sees the call it belongs to, and its error comes back as it is."""
    seen = []

    def work(fail: bool) -> None:
        seen.append(current_call())
        if fail:
            raise LookupError("offloaded")

    async def run(call, proceed):
        await call.offload(work, False)
        await call.offload(work, True)
        return await proceed(call)

    with Session(Around(run)), pytest.raises(LookupError, match="offloaded"):
        value_of(probe, 1)
    assert [call.task for call in seen] == [probe, probe]


# timeout -------------------------------------------------------------------------------------------------------------


def limiting(seconds: float, **more) -> Around:
    async def limit(call, proceed):
        async with call.timeout(seconds, **more):
            return await proceed(call)

    return Around(limit, "limit", Order.TIMEOUT)


def test_a_sync_body_is_left_behind_at_the_limit() -> None:
    """TaskTimeout is raised within a tenth of a second of the limit; the body goes on and its value is dropped."""
    release = threading.Event()
    ended = threading.Event()

    @task
    def stuck() -> str:
        release.wait(30)
        ended.set()
        return "late"

    recorder = Recorder()
    with Session(limiting(0.1), recorder):
        before = time.monotonic()
        with pytest.raises(TaskTimeout) as caught:
            stuck()
        assert time.monotonic() - before < 0.2
        assert SIDE_THREADS.abandoned == 1
        release.set()
        assert ended.wait(10)
    assert (caught.value.task, caught.value.seconds) == (stuck.name, 0.1)
    assert isinstance(caught.value, TimeoutError)
    assert recorder.log()[-2:] == ["on_error TaskTimeout", "after_execute error/run 1"]


def test_an_async_body_is_cancelled_at_the_limit() -> None:
    """Its `finally` has run when the error leaves."""
    cleaned = []

    @task
    async def stuck() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            cleaned.append(True)

    with Session(limiting(0.05)), pytest.raises(TaskTimeout):
        value_of(stuck)
    assert cleaned == [True]


@both
def test_within_the_limit_nothing_changes(probe) -> None:
    """A call that is quick enough returns its value, and leaves no thread working."""
    with Session(limiting(30)):
        assert value_of(probe, 4) == 8
    assert SIDE_THREADS.abandoned == 0


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_the_bodys_own_timeout_error_is_not_ours(is_async: bool) -> None:
    """A TimeoutError that the body raises leaves as itself."""
    error = TimeoutError("socket")

    def body() -> None:
        raise error

    async def abody() -> None:
        raise error

    with Session(limiting(30)):
        assert task(abody if is_async else body).run().error is error


@both
def test_the_error_of_a_limit_can_be_a_deadline(probe) -> None:
    """A subclass says which limit it was, and so does the text."""

    @task
    def stuck() -> None:
        threading.Event().wait(0.2)

    @task
    async def astuck() -> None:
        await asyncio.sleep(60)

    with (
        Session(limiting(0.05, error=DeadlineExceeded)),
        pytest.raises(DeadlineExceeded, match=r"deadline of 0.05 s"),
    ):
        value_of(stuck if probe is double else astuck)


def test_a_sync_wait_stops_at_the_limit() -> None:
    """A wait that would pass the limit lasts until the limit, and raises."""

    async def wait(call, proceed):
        await call.sleep(10)
        return await proceed(call)

    clock = FakeClock()
    with Session(clock, limiting(3), Around(wait, "wait", Order.RATE + 60)), pytest.raises(TaskTimeout):
        double(1)
    assert clock.sleeps == [3]


@both
@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_a_limit_that_means_nothing_is_refused(probe, seconds: float) -> None:
    """Zero, negative and NaN limits are ValueErrors."""
    with Session(limiting(seconds)), pytest.raises(ValueError, match="positive number of seconds"):
        value_of(probe, 1)


def test_context_goes_along_into_the_side_thread() -> None:
    """A body under a limit still belongs to its call, and so does what it calls."""

    @task
    def inner() -> str:
        return current_call().parent.task.name

    @task
    def outer() -> str:
        return inner()

    with Session(limiting(30)):
        assert outer() == outer.name


# with_args, emit, lock, state -----------------------------------------------------------------------------------------


@both
def test_with_args_changes_what_the_function_gets_and_nothing_else(probe) -> None:
    """Observers see the call as it was made; attempt and state are shared."""

    async def change(call, proceed):
        changed = call.with_args(21)
        assert changed.inputs == {"x": 21}
        assert changed.id == call.id
        changed.state["key"] = "value"
        return await proceed(changed)

    recorder = Recorder()
    with Session(Around(change), recorder):
        assert value_of(probe, 1) == 42
    for event in recorder.events:
        assert event.subject is recorder.events[0].subject
        assert event.subject.inputs == {"x": 1}
    assert recorder.events[0].subject.attempt == 1
    assert recorder.events[0].subject.state == {"key": "value"}


class Specs:
    """Events of a plugin's own."""

    @hookspec
    def on_lookup(self, call, key: str) -> None:
        """A key was looked up."""


@both
def test_a_plugin_may_emit_events_of_its_own(probe) -> None:
    """An event with a spec reaches its observers; one without is an error naming it."""
    told = []

    class Listening:
        name = "listening"

        @hookimpl
        def on_lookup(self, call, key) -> None:
            told.append((call.task, key))

    async def look(call, proceed):
        call.emit("on_lookup", "k1")
        call.emit("on_lookup", key="k2")
        return await proceed(call)

    plugin = Around(look)
    plugin.hookspecs = Specs
    with Session(plugin, Listening()):
        value_of(probe, 1)
    assert told == [(probe, "k1"), (probe, "k2")]

    async def guess(call, proceed):
        call.emit("on_loookup", "k")

    with Session(Around(guess)), pytest.raises(UnknownEvent, match="on_loookup") as caught:
        value_of(probe, 1)
    assert caught.value.event == "on_loookup"


def test_emitting_what_nobody_observes_costs_no_observer() -> None:
    """A known event without observers is fine."""

    async def retry_like(call, proceed):
        call.emit("on_retry", 1, ValueError(), 0.0)
        return await proceed(call)

    with Session(Around(retry_like)):
        assert double(1) == 2


def test_a_coroutine_that_blocks_past_its_limit_has_no_value() -> None:
    """It cannot be interrupted; what it returns then is dropped, as that of a function is."""

    @task
    async def blocks() -> str:
        time.sleep(0.1)  # noqa: ASYNC251 - on purpose
        return "late"

    with Session(limiting(0.02)), pytest.raises(TaskTimeout):
        value_of(blocks)


def test_a_layer_is_told_of_bodies_that_go_on() -> None:
    """`call.abandoned` counts them, and `when_bodies_end` calls when the last has ended."""
    release, ended, seen = threading.Event(), threading.Event(), []

    @task
    def stuck() -> None:
        release.wait(30)

    async def outside(call, proceed):
        try:
            return await proceed(call)
        except TaskTimeout:
            seen.append(call.abandoned)
            call.when_bodies_end(ended.set)
            seen.append(ended.is_set())
            release.set()
            await call.bodies_end()
            seen.append(call.abandoned)
            raise

    with Session(limiting(0.02), Around(outside, "outside", Order.LIMIT)), pytest.raises(TaskTimeout):
        stuck()
    assert ended.wait(10)
    assert seen == [1, False, 0]


@both
def test_without_such_bodies_there_is_nothing_to_wait_for(probe) -> None:
    """Both return at once."""
    seen = []

    async def outside(call, proceed):
        value = await proceed(call)
        call.when_bodies_end(lambda: seen.append("now"))
        await call.bodies_end()
        return value

    with Session(Around(outside, "outside", Order.LIMIT)):
        assert value_of(probe, 4) == 8
    assert seen == ["now"]


@both
def test_values_are_checked_by_the_layers_that_do(probe) -> None:
    """`call.checked` passes a value through their `check_value`, the innermost first."""

    class Checking:
        name = "checking"

        @hookimpl
        def bind(self, session, task):
            async def outer(call, proceed):
                return call.checked(await proceed(call))

            async def inner(call, proceed):
                return await proceed(call)

            return [
                Layer("outer", Order.FALLBACK, run=outer, check_value=lambda value: (value, "outer")),
                Layer("inner", Order.VALIDATE, run=inner, check_value=lambda value: (value, "inner")),
            ]

    with Session(Checking()):
        assert value_of(probe, 4) == ((8, "inner"), "outer")
