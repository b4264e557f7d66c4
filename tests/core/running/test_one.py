"""Results: `run`, `arun`, `acall` and `submit` for all four kinds."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import nullcontext

import pytest

from pegboard import (
    Layer,
    Order,
    Outcome,
    Session,
    SessionError,
    Suspended,
    TaskResult,
    current_call,
    hookimpl,
    task,
)
from pegboard.testing import Recorder

place: contextvars.ContextVar[str] = contextvars.ContextVar("place", default="outside")


class Boom(Exception):  # noqa: N818
    """What a failing body raises."""


@task
def function(x: int, error: BaseException | None = None) -> int:
    if error is not None:
        raise error
    return x


@task
async def coroutine(x: int, error: BaseException | None = None) -> int:
    await asyncio.sleep(0)
    if error is not None:
        raise error
    return x


@task
def generator(x: int, error: BaseException | None = None):
    yield x
    if error is not None:
        raise error


@task
async def async_generator(x: int, error: BaseException | None = None):
    yield x
    if error is not None:
        raise error


TASKS = {each.name: each for each in (function, coroutine, generator, async_generator)}
VALUES = {"function": 5, "coroutine": 5, "generator": [5], "async_generator": [5]}
each_task = pytest.mark.parametrize("made", TASKS.values(), ids=TASKS)


def run(made, *args: object) -> TaskResult:
    return made.run(*args)


def arun(made, *args: object) -> TaskResult:
    return asyncio.run(made.arun(*args))


each_way = pytest.mark.parametrize("way", [run, arun], ids=["run", "arun"])
inside = pytest.mark.parametrize("plugins", [None, [], [Recorder]], ids=["no session", "session", "recorder"])


def opened(plugins):
    """Open a session of new plugins, or none."""
    return nullcontext() if plugins is None else Session(*(make() for make in plugins))


# run and arun ----------------------------------------------------------------------------------------------------


@each_task
@each_way
@inside
def test_a_result_tells_how_a_call_went(made, way, plugins) -> None:
    """Value, status, source, attempts, times and id are in the result."""
    before = time.time()
    with opened(plugins):
        result = way(made, 5)
    assert (result.value, result.status, result.source, result.ok) == (VALUES[made.name], "ok", "run", True)
    assert (result.error, result.attempts, result.trace_id) == (None, 1, None)
    assert before <= result.started_at <= time.time()
    assert 0 <= result.duration < 60
    assert result.call_id
    assert result.unwrap() is result.value


@each_task
@each_way
@inside
def test_an_error_is_in_the_result_and_never_raised(made, way, plugins) -> None:
    """`run` raises no Exception; `unwrap` raises the very object that the task raised."""
    error = Boom("no")
    with opened(plugins):
        result = way(made, 5, error)
    assert result.error is error
    assert (result.value, result.status, result.attempts, result.ok) == (None, "error", 1, False)
    with pytest.raises(Boom) as caught:
        result.unwrap()
    assert caught.value is error


@each_task
@each_way
@inside
def test_a_missing_argument_is_a_result(made, way, plugins) -> None:
    """A TypeError that names the function, and no attempt."""
    recorder = Recorder("outer")
    with opened(plugins) as session:
        if plugins is not None:
            session.register(recorder)
        result = way(made)
    assert isinstance(result.error, TypeError)
    assert f"{made.name}() missing" in str(result.error)
    assert (result.status, result.attempts) == ("error", 0)
    assert recorder.of("before_attempt") == []
    assert len(recorder.of("on_error")) == (plugins is not None)


@each_task
@each_way
@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), SystemExit(3), Suspended()], ids=lambda error: type(error).__name__
)
def test_an_exit_is_no_result(made, way, error: BaseException) -> None:
    """KeyboardInterrupt, SystemExit and suspension pass."""
    with pytest.raises(type(error)), Session():
        way(made, 5, error)


@each_task
def test_cancellation_is_no_result(made) -> None:
    """A cancelled `arun` is cancelled."""
    with pytest.raises(asyncio.CancelledError), Session():
        asyncio.run(made.arun(5, asyncio.CancelledError()))


@each_way
def test_a_failing_plugin_is_a_result(way) -> None:
    """A plugin that cannot bind is an Exception like any other."""

    class Broken:
        name = "broken"

        @hookimpl
        def bind(self) -> None:
            raise ValueError("no")

    with Session(Broken()):
        result = way(function, 5)
    assert type(result.error).__name__ == "BindError"
    assert result.attempts == 0


@each_way
def test_the_result_has_the_ids_of_its_call(way) -> None:
    """`call_id` is the id that observers saw, and `trace_id` what was put on the call."""

    class Tracer:
        name = "tracer"

        @hookimpl
        def before_execute(self, call) -> None:
            call.trace_id = "ab" * 16

    recorder = Recorder()
    with Session(Tracer(), recorder):
        result = way(function, 5)
    assert result.call_id == recorder.events[0].subject.id
    assert result.trace_id == "ab" * 16


@each_way
def test_the_result_tells_the_source(way) -> None:
    """A layer that answers itself leaves its source, and no attempt."""

    class Answering:
        name = "answering"

        @hookimpl
        def bind(self) -> Layer:
            async def run(call, proceed):
                call.source = "cache"
                return 7

            return Layer("answering", Order.CACHE, run)

    with Session(Answering()):
        result = way(function, 5)
    assert (result.value, result.source, result.attempts) == (7, "cache", 0)


def test_a_repr_shows_no_value() -> None:
    """The reprs of results and outcomes show types."""
    result = function.run("canary")
    assert "canary" not in repr(result)
    assert "value=<str>" in repr(result)
    failed = function.run(5, Boom("canary"))
    assert "canary" not in repr(failed)
    assert "error=<Boom>" in repr(failed)
    assert "canary" not in repr(Outcome("ok", "run", "canary", Boom("canary"), 1, 0.5))


def test_a_result_cannot_be_changed() -> None:
    """Results and outcomes are frozen."""
    result = function.run(5)
    with pytest.raises(AttributeError):
        result.value = 6
    with pytest.raises(AttributeError):
        Outcome("ok", "run", 1, None, 1, 0.5).value = 6


@pytest.mark.parametrize("made", [coroutine, async_generator], ids=lambda made: made.name)
def test_an_async_task_cannot_be_waited_for_inside_its_loop(made) -> None:
    """`run` there would stop the loop, and says what to await instead."""

    async def main() -> None:
        with pytest.raises(SessionError, match="event loop is running") as caught:
            made.run(5).unwrap()
        assert ".arun(...)" in str(caught.value)

    asyncio.run(main())


@pytest.mark.parametrize("made", [function, generator], ids=lambda made: made.name)
def test_a_sync_task_runs_inside_a_loop(made) -> None:
    """The kind decides, never whether a loop is running."""

    async def main() -> None:
        assert made.run(5).value == VALUES[made.name]

    asyncio.run(main())


# acall -----------------------------------------------------------------------------------------------------------


@each_task
@inside
def test_every_kind_can_be_awaited(made, plugins) -> None:
    """`acall` gives what the call gives, a list for a stream."""
    with opened(plugins):
        assert asyncio.run(made.acall(5)) == VALUES[made.name]


@each_task
def test_acall_raises_the_tasks_own_error(made) -> None:
    """The same object leaves `acall`."""
    error = Boom("no")
    with Session(), pytest.raises(Boom) as caught:
        asyncio.run(made.acall(5, error))
    assert caught.value is error


@each_task
def test_nothing_runs_before_the_await(made) -> None:
    """`acall` makes a coroutine, and no event, until it is awaited."""
    recorder = Recorder()
    with Session(recorder):
        waiting = made.acall(5)
        assert recorder.events == []
        asyncio.run(waiting)
    assert len(recorder.of("after_execute")) == 1


@pytest.mark.parametrize("way", ["acall", "arun"])
def test_a_sync_body_goes_to_a_thread_with_its_context(way: str) -> None:
    """The loop goes on while a sync body runs, and the body sees the caller's context variables."""

    @task
    def where() -> tuple[str, bool]:
        reached.set()
        assert turned.wait(10)
        return place.get(), threading.current_thread() is threading.main_thread()

    reached, turned = threading.Event(), threading.Event()

    async def main() -> object:
        place.set("inside")
        running = asyncio.ensure_future(getattr(where, way)())
        assert await asyncio.to_thread(reached.wait, 10)
        turned.set()
        return await running

    with Session():
        got = asyncio.run(main())
    assert (got if way == "acall" else got.unwrap()) == ("inside", False)


@pytest.mark.parametrize("made", [function, generator], ids=lambda made: made.name)
def test_a_stop_iteration_of_a_sync_body_does_not_hang_the_loop(made) -> None:
    """No Future carries a StopIteration: what is awaited raises RuntimeError, as Python itself does."""
    stop = StopIteration(3)

    async def main() -> None:
        with pytest.raises(RuntimeError) as caught:
            await asyncio.wait_for(made.acall(5, stop), 10)
        assert made is generator or caught.value.__cause__ is stop
        assert isinstance((await asyncio.wait_for(made.arun(5, stop), 10)).error, RuntimeError)
        [collected] = await asyncio.wait_for(made.amap([5], [stop], on_error="collect"), 10)
        assert isinstance(collected, RuntimeError)

    with Session():
        asyncio.run(main())


def test_a_stop_iteration_of_a_sync_task_is_its_error() -> None:
    """A direct call raises the very StopIteration, and a result and a future carry it."""
    stop = StopIteration(3)
    for plugins in ([], [Recorder()]):
        with Session(*plugins):
            with pytest.raises(StopIteration) as caught:
                function(5, stop)
            assert caught.value is stop
            assert function.run(5, stop).error is stop
            assert function.submit(5, stop).exception() is stop


# submit ----------------------------------------------------------------------------------------------------------


@each_task
@inside
@pytest.mark.parametrize("executor", ["threads", "inline"])
def test_submit_gives_a_future(made, plugins, executor: str) -> None:
    """The future holds the value, a list for a stream."""
    with opened(plugins) if plugins is None else Session(*(make() for make in plugins), executor=executor):
        future = made.submit(5)
        assert isinstance(future, Future)
        assert future.result(10) == VALUES[made.name]


@each_task
def test_a_future_holds_the_tasks_own_error(made) -> None:
    """The same object, also through a thread."""
    error = Boom("no")
    with Session():
        assert made.submit(5, error).exception(10) is error


def test_submitted_calls_run_elsewhere_with_the_context_of_their_caller() -> None:
    """The session's executor is `threads` by default, and context variables go along."""

    @task
    def where() -> tuple[str, bool]:
        return place.get(), threading.current_thread() is threading.main_thread()

    def main() -> None:
        place.set("inside")
        with Session():
            assert where.submit().result(10) == ("inside", False)
        with Session(executor="inline"):
            assert where.submit().result(10) == ("inside", True)

    contextvars.copy_context().run(main)


def test_a_submitted_call_knows_its_parent_and_executor() -> None:
    """Its parent is the call that submitted it, and it tells where it runs."""

    @task
    def child() -> tuple[str | None, str]:
        return current_call().parent_id, current_call().executor

    @task
    def parent() -> tuple[str, tuple[str | None, str]]:
        return current_call().id, child.submit().result(10)

    with Session():
        own, (parents, executor) = parent()
    assert parents == own
    assert executor == "threads"


def test_a_future_that_is_cancelled_before_its_start_never_runs() -> None:
    """No run, and no event either, as there was no start."""
    ran: list[int] = []
    gate = threading.Event()

    @task
    def blocking() -> None:
        gate.wait(10)

    @task
    def counted() -> None:
        ran.append(1)

    recorder = Recorder()
    with ThreadPoolExecutor(1) as pool, Session(recorder, executor=pool):
        blocking.submit()
        waiting = counted.submit()
        assert waiting.cancel()
        gate.set()
        with pytest.raises(CancelledError):
            waiting.result(10)
    assert ran == []
    assert recorder.log("counted") == []
    assert recorder.unbalanced() == []


def test_wrong_arguments_are_in_the_future() -> None:
    """Submitting never raises for the arguments; the future does."""
    with Session():
        assert isinstance(function.submit().exception(10), TypeError)
