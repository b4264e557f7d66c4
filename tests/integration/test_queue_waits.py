"""Cancelling, closing and errors reach what an item waits for, whatever that is."""

from __future__ import annotations

import asyncio
import functools
import threading
import time

import pytest

from pegboard import (
    Cache,
    Concurrency,
    Layer,
    Metrics,
    On,
    Order,
    Processes,
    RateLimit,
    Retry,
    Session,
    SessionError,
    Timeout,
    Undo,
    hookimpl,
    parallel,
    pipeline,
    task,
)
from pegboard.testing import Recorder
from pegboard_flow import Graph, sequential
from pegboard_queue import Queue, QueueError, State, TaskManager, current_item

LONG = 300  # seconds that no test ever waits
SOON = 20  # seconds in which a wait has ended that was reached


class Body:
    """What the tasks of a test run: counts its runs, and fails if it is to."""

    def __init__(self, error: type[Exception] | None = None) -> None:
        self.runs = 0
        self.error = error

    def __call__(self, *args: object) -> int:
        self.runs += 1
        if self.error is not None:
            raise self.error
        return self.runs


def made(kind: str, body, *options):
    """Make a task of a kind from a function."""

    async def coroutine(*args):
        return body(*args)

    def generator(*args):
        yield body(*args)

    async def async_generator(*args):
        yield body(*args)

    kinds = {
        "function": lambda *args: body(*args),  # noqa: PLW0108 - a function, whatever the body is
        "coroutine": coroutine,
        "generator": generator,
        "async_generator": async_generator,
    }
    return task(*options, name="waits")(kinds[kind])


def until(condition) -> None:
    """Wait for something that another thread brings about."""
    end = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.002)


KINDS = ("function", "coroutine", "generator", "async_generator")


@pytest.fixture(params=["cancel", "cancel_all", "close", "error in the block", "Ctrl-C in the block"])
def ending(request):
    """End a manager's item in each way; after it the manager is closed."""

    def end(manager: TaskManager, item) -> None:
        began = time.monotonic()
        if request.param == "cancel":
            item.cancel()
        elif request.param == "cancel_all":
            manager.cancel_all()
        elif request.param == "close":
            manager.close(cancel=True)
        else:
            error = RuntimeError if request.param.startswith("error") else KeyboardInterrupt
            with pytest.raises(error), manager:
                raise error
        manager.close()
        assert item.state is State.CANCELLED
        assert time.monotonic() - began < SOON

    return end


@pytest.mark.parametrize("kind", KINDS)
def test_an_item_that_waits_for_its_retry_never_runs_again(kind, ending) -> None:
    """And whoever ends it does not wait for that."""
    body = Body(OSError)
    with Session():
        manager = TaskManager(1)
        item = manager.submit(made(kind, body, Retry(5, wait=LONG)))
        until(lambda: item.state is State.RETRYING)
        ending(manager, item)
    assert body.runs == 1


@pytest.mark.parametrize("kind", KINDS)
def test_an_item_that_waits_for_its_turn_never_runs(kind, ending) -> None:
    """Of a rate limit; the turn that it waited for is another's."""
    body = Body()
    with Session():
        limited = made(kind, body, RateLimit(f"1/{LONG}s"))
        manager = TaskManager(1)
        assert manager.submit(limited).wait(SOON) in (1, [1])
        item = manager.submit(limited)
        until(lambda: item.state is State.RUNNING)
        ending(manager, item)
    assert body.runs == 1


@pytest.mark.parametrize("kind", KINDS)
def test_an_item_that_waits_for_a_place_never_runs(kind, ending) -> None:
    """Of a `Concurrency`; the place goes to the next."""
    body, held, free = Body(), threading.Event(), threading.Event()
    place = Concurrency(1, name="place")

    @task(place)
    def hold() -> None:
        held.set()
        assert free.wait(SOON)

    with Session(), TaskManager(1) as other:
        other.submit(hold)
        assert held.wait(SOON)
        manager = TaskManager(1)
        item = manager.submit(made(kind, body, place))
        until(lambda: item.state is State.RUNNING)
        time.sleep(0.02)
        ending(manager, item)
        free.set()
        other.join(SOON)
        with TaskManager(1) as third:
            assert third.submit(made("function", body, place)).wait(SOON) == 1
    assert body.runs == 1


@pytest.mark.parametrize("kind", ["function", "coroutine"])
def test_an_item_that_waits_for_a_worker_of_a_pool_never_runs(kind, ending, tmp_path) -> None:
    """Functions that run elsewhere wait there, too."""
    with Session(Processes(1)):
        busy = _hold.submit(str(tmp_path / "busy"), str(tmp_path / "free"))
        until((tmp_path / "busy").exists)
        manager = TaskManager(1)
        item = manager.submit(_touch if kind == "function" else _atouch, (str(tmp_path / "ran"),))
        until(lambda: item.state is State.RUNNING)
        time.sleep(0.05)
        ending(manager, item)
        (tmp_path / "free").touch()
        busy.result(SOON)
    assert not (tmp_path / "ran").exists()


@task(On("processes"))
def _hold(busy: str, free: str) -> None:
    from pathlib import Path

    Path(busy).touch()
    while not Path(free).exists():
        time.sleep(0.01)


@task(On("processes"))
def _touch(path: str) -> None:
    from pathlib import Path

    Path(path).touch()


@task(On("processes"))
async def _atouch(path: str) -> None:
    from pathlib import Path

    Path(path).touch()  # noqa: ASYNC240 - in a worker, where nothing else runs


@pytest.mark.parametrize("kind", ["function", "coroutine"])
def test_an_item_that_waits_for_the_same_value_never_runs(kind, ending) -> None:
    """Of a cache: another call computes it, and who waits for that may be ended."""
    body, begun, free = Body(), threading.Event(), threading.Event()

    def slow(key: int) -> int:
        begun.set()
        assert free.wait(SOON)
        return body()

    cached = made("function", slow, Cache())
    if kind == "coroutine":

        async def slowly(key: int) -> int:
            return await asyncio.to_thread(slow, key)

        cached = task(Cache(), name="waits")(slowly)
    with Session(), TaskManager(1) as other:
        first = other.submit(cached, (1,))
        assert begun.wait(SOON)
        manager = TaskManager(1)
        item = manager.submit(cached, (1,))
        until(lambda: item.state is State.RUNNING)
        time.sleep(0.02)
        ending(manager, item)
        free.set()
        assert first.wait(SOON) == 1
    assert body.runs == 1


@pytest.mark.parametrize("kind", ["function", "coroutine"])
def test_an_item_that_waits_for_another_one_goes_on_no_more(kind, ending) -> None:
    """Its task is told by a cancellation, where it waits."""
    free, seen = threading.Event(), []
    with Session(), TaskManager(1) as other:
        slow = other.submit(free.wait, (SOON,))

        def waiting() -> None:
            try:
                slow.wait()
            except BaseException as error:
                seen.append(type(error))
                raise

        async def awaiting() -> None:
            try:
                await slow
            except BaseException as error:
                seen.append(type(error))
                raise

        until(lambda: slow.state is State.RUNNING)
        manager = TaskManager(1)
        item = manager.submit(waiting if kind == "function" else awaiting)
        until(lambda: item.state is State.RUNNING)
        time.sleep(0.02)
        ending(manager, item)
        free.set()
    assert seen == [asyncio.CancelledError]


def test_what_a_layer_waits_for_in_its_own_way_is_over_before_the_function_runs(ending) -> None:
    """It blocks in a way that nobody can end; the function does not begin all the same."""
    body, blocked, free = Body(), threading.Event(), threading.Event()

    class Blocking:
        name = "blocking"

        @hookimpl
        def bind(self, session, task):
            async def run(call, proceed):
                blocked.set()
                await call.io(free.wait, SOON)
                return await proceed(call)

            return Layer("blocking", Order.RATE, run=run) if task.name == "waits" else None

    with Session(Blocking()):
        manager = TaskManager(1)
        item = manager.submit(made("function", body, Retry(1)))
        assert blocked.wait(SOON)
        threading.Timer(0.05, free.set).start()
        ending(manager, item)
    assert body.runs == 0


def _nested(how: str, inner, body):
    """Make a function that calls a task with a wait in one of the ways to call many."""
    ways = {
        "call": lambda: inner(0),
        "map": lambda: inner.map(range(50)),
        "imap": lambda: list(inner.imap(range(50))),
        "submit": lambda: inner.submit(0).result(),
        "run": lambda: inner.run(0).unwrap(),
        "parallel": lambda: parallel(*(functools.partial(inner, each) for each in range(50))),
        "pipeline": lambda: pipeline(inner, body, input=0),
        "sequential": lambda: sequential().add_task(inner, 0).add_task(body).execute(),
        "graph": lambda: _graph(inner, body)(0),
        "map of coroutines": lambda: _async_twin(inner).map(range(50)),
        "run of a coroutine": lambda: _async_twin(inner).run(0).unwrap(),
    }
    return ways[how]


def _graph(inner, body) -> Graph:
    graph = Graph().add_node("begin", lambda x: x).add_node("inner", inner).add_node("end", body)
    return graph.add_edge("begin", "inner").add_edge("inner", "end").start_with("begin").end_with("end")


def _async_twin(inner):
    async def twin(x: int) -> object:
        return await inner.acall(x)

    return task(twin)


WAYS = ["call", "map", "imap", "submit", "run", "parallel", "pipeline", "sequential", "graph"]


@pytest.mark.parametrize("how", [*WAYS, "map of coroutines", "run of a coroutine"])
def test_waits_within_an_item_end_with_it(how) -> None:
    """Of the calls that its function makes, however it makes them; and what comes behind them does not run."""
    first, behind = Body(OSError), Body()
    inner = task(Retry(5, wait=LONG), name="inner")(first)
    with Session(), TaskManager(1) as manager:
        item = manager.submit(_nested(how, inner, lambda *_: behind()))
        until(lambda: first.runs)
        time.sleep(0.05)
        runs = first.runs
        item.cancel()
        began = time.monotonic()
    assert time.monotonic() - began < SOON
    assert first.runs <= runs + 1
    assert behind.runs == 0


def test_a_map_of_an_item_begins_nothing_more() -> None:
    """Its inputs are not gone through to the end."""
    body, free = Body(), threading.Event()

    def slow(x: int) -> None:
        body()
        assert free.wait(SOON)

    with Session(), TaskManager(1) as manager:
        item = manager.submit(lambda: task(slow).map(range(1000)))
        until(lambda: body.runs)
        item.cancel()
        free.set()
    assert body.runs < 100


def test_an_undo_is_not_cut_short() -> None:
    """It waits for what it needs, also in an item that was cancelled."""
    undone = []

    @task(Retry(1, wait=0.01))
    def take_back() -> None:
        undone.append(len(undone))
        if len(undone) == 1:
            raise OSError

    @task(Retry(1, wait=LONG), Undo(take_back))
    def book() -> None:
        raise OSError

    with Session(), TaskManager(1) as manager:
        item = manager.submit(book)
        until(lambda: item.state is State.RETRYING)
        item.cancel()
    assert undone == [0, 1]


def test_observers_are_told_of_a_cancelled_wait_as_of_a_cancellation() -> None:
    """Once before, once after, and it is no error."""
    recorder = Recorder()
    with Session(recorder), TaskManager(1) as manager:
        item = manager.submit(made("function", Body(OSError), Retry(1, wait=LONG)))
        until(lambda: item.state is State.RETRYING)
        item.cancel()
    assert recorder.unbalanced() == []
    (ended,) = recorder.of("after_execute")
    assert ended.details["outcome"].status == "cancelled"


@pytest.mark.parametrize("kind", ["function", "generator"])
@pytest.mark.parametrize("how", ["acall", "arun", "amap", "gather"])
def test_cancelled_async_code_ends_the_waits_of_the_sync_bodies_it_awaits(kind, how) -> None:
    """Without a queue: they run in threads, and nothing of them goes on."""
    from pegboard import gather

    body = Body(OSError)
    waits = made(kind, body, Retry(5, wait=LONG))
    ways = {
        "acall": lambda: waits.acall(0),
        "arun": lambda: waits.arun(0),
        "amap": lambda: waits.amap([0]),
        "gather": lambda: gather(waits.acall(0)),
    }

    async def main() -> None:
        running = asyncio.ensure_future(ways[how]())
        while not body.runs:  # noqa: ASYNC110 - a thread counts
            await asyncio.sleep(0.002)
        await asyncio.sleep(0.02)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    began = time.monotonic()
    with Session():
        asyncio.run(main())
    assert time.monotonic() - began < SOON
    assert body.runs == 1


def test_the_place_of_a_body_with_a_timeout_is_kept_to_its_end() -> None:
    """What runs is not what waits: cancelled, it keeps its slot until the function returns."""
    begun, free = threading.Event(), threading.Event()

    @task(Timeout(LONG))
    def slow() -> None:
        begun.set()
        assert free.wait(SOON)

    with Session(), TaskManager(1) as manager:
        item = manager.submit(slow)
        assert begun.wait(SOON)
        item.cancel()
        behind = manager.submit(current_item)
        assert behind.state is State.READY
        free.set()
        assert behind.wait(SOON) is behind


def test_the_line_and_the_states_are_measured() -> None:
    """By whatever measures in the session: how long each item was ready, and how many are in each state now."""
    with Session(Metrics()) as session:
        manager = TaskManager(1)
        manager.pause()
        items = [manager.submit(made("function", Body())) for _ in range(3)]
        assert _states(session)["ready"] == 3
        manager.resume()
        manager.join(SOON)
        assert _states(session)["completed"] == 3
        (histogram,) = [
            each for each in session[Metrics].registry.collect() if each.name == "pegboard_queue_wait_seconds"
        ]
        counts = [each for each in histogram.samples if each.name.endswith("_count")]
        assert [(each.labels["pegboard_task_name"], each.value) for each in counts] == [("waits", 3)]
    assert {item.state for item in items} == {State.COMPLETED}


def _states(session: Session) -> dict[str, float]:
    (gauge,) = [each for each in session[Metrics].registry.collect() if each.name == "pegboard_queue_items"]
    return {each.labels["pegboard_item_state"]: each.value for each in gauge.samples}


@pytest.mark.parametrize(
    "kinds", [("function",) * 2, ("coroutine",) * 2, ("function", "coroutine")], ids="-".join
)
def test_items_of_two_managers_that_wait_for_each_other_are_told(kinds) -> None:
    """One of them is refused; the other one gets that error."""
    items, both = {}, threading.Event()

    def waiter(kind: str, name: str):
        def wait() -> object:
            assert both.wait(SOON)
            return items[name].wait()

        async def await_() -> object:
            await asyncio.to_thread(both.wait, SOON)
            return await items[name]

        return wait if kind == "function" else await_

    with Session(), TaskManager(1) as one, TaskManager(1) as two:
        items["one"] = one.submit(waiter(kinds[0], "two"))
        items["two"] = two.submit(waiter(kinds[1], "one"))
        both.set()
        for item in items.values():
            with pytest.raises(QueueError, match="for ever"):
                item.wait(SOON)


@pytest.mark.parametrize("queue", [(), (Queue(),)], ids=["brought", "attached"])
def test_a_sync_session_around_an_async_manager_ends_quietly(queue) -> None:
    """The manager is closed already when the session ends in the loop's thread."""

    async def main() -> list[State]:
        with Session(*queue):
            async with TaskManager(2) as manager:
                items = [manager.submit(made("coroutine", Body())) for _ in range(5)]
        return [item.state for item in items]

    assert asyncio.run(main()) == [State.COMPLETED] * 5


def test_a_sync_session_inside_an_async_manager_says_that_it_would_block_the_loop() -> None:
    """Its end would wait for coroutines that run in this very thread."""

    async def main() -> list[State]:
        async with TaskManager(2) as manager:
            with pytest.raises(SessionError, match="async with Session"), Session():
                items = [manager.submit(made("coroutine", Body())) for _ in range(3)]
        return [item.state for item in items]

    assert asyncio.run(main()) == [State.CANCELLED] * 3


def test_an_async_session_inside_an_async_manager_waits() -> None:
    """The loop goes on meanwhile."""

    async def main() -> list[State]:
        async with TaskManager(2) as manager, Session():
            items = [manager.submit(made("coroutine", Body())) for _ in range(3)]
        return [item.state for item in items]

    assert asyncio.run(main()) == [State.COMPLETED] * 3
