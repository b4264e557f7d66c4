"""Under another library than asyncio: sync tasks work, and what has to wait in an event loop says which one."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import pytest
import trio
import trio.lowlevel

from pegboard import (
    Breaker,
    Cache,
    Caching,
    Concurrency,
    Graph,
    NeedsAsyncio,
    RateLimit,
    Retry,
    Session,
    TaskManager,
    Timeout,
    Undo,
    gather,
    parallel,
    task,
)


@task
def double(x: int = 1) -> int:
    return 2 * x


@task
async def later(x: int = 1) -> int:
    return 2 * x


@task
async def letters() -> Any:
    yield "a"
    yield "b"


@task
async def rests() -> int:
    await trio.lowlevel.checkpoint()
    return 3


def fails() -> int:
    raise LookupError("own")


async def fails_later() -> int:
    raise LookupError("own")


def runners() -> dict[str, Callable[[Callable[[], Awaitable[Any]]], Any]]:
    return {"trio": trio.run, "anyio": lambda main: anyio.run(main, backend="trio")}


@pytest.fixture(params=runners().values(), ids=runners())
def run(request: pytest.FixtureRequest) -> Callable[[Callable[[], Any]], Any]:
    """Calls something inside a program of trio, and awaits what it gives if that has to be awaited."""

    def inside(call: Callable[[], Any]) -> Any:
        async def main() -> Any:
            value = call()
            return await value if inspect.isawaitable(value) else value

        return request.param(main)

    return inside


Run = Callable[[Callable[[], Any]], Any]
SYNC: dict[str, Callable[[], Any]] = {
    "call": lambda: double(1),
    "run": lambda: double.run(1).unwrap(),
    "submit": lambda: double.submit(1).result(10),
    "map": lambda: double.map([1])[0],
    "retry": lambda: 2 if isinstance(task(Retry(1, wait=0.001))(fails).run().error, LookupError) else 0,
    "timeout": lambda: double.with_options(Timeout(10))(1),
    "slots": lambda: double.with_options(Concurrency(1))(1),
    "parallel": lambda: parallel(double)[0],
    "in a thread": lambda: trio.to_thread.run_sync(double, 1),
    "an async one": lambda: later.map([1])[0],
}


@pytest.mark.parametrize("call", SYNC.values(), ids=SYNC)
@pytest.mark.parametrize("is_open", [True, False], ids=["session", "bare"])
def test_sync_tasks_just_work(run: Run, call: Callable[[], Any], is_open: bool) -> None:
    """Whatever they ask for, in a session and without one."""
    if is_open:
        with Session(inherit=False):
            assert run(call) == 2
    else:
        assert run(call) == 2


async def _collected(stream: Any) -> list[Any]:
    return [item async for item in stream]


async def _entered(manager: Any) -> None:
    async with manager:
        pass


async def _graph() -> Any:
    graph = Graph()
    graph.add_node("one", later)
    return await graph.acall()


NEEDING: dict[str, Callable[[], Any]] = {
    "acall": double.acall,
    "amap": lambda: later.amap([1]),
    "amap of functions": lambda: double.amap([1]),
    "aimap": lambda: _collected(later.aimap([1])),
    "retry": task(Retry(1, wait=0.001))(fails_later),
    "timeout": later.with_options(Timeout(10)),
    "slots": later.with_options(Concurrency(1)),
    "gather": lambda: gather(later, later),
    "session": lambda: _entered(Session(inherit=False)),
    "queue": lambda: _entered(TaskManager()),
    "lock": lambda: Caching().aclear(),
}


@pytest.mark.parametrize("call", NEEDING.values(), ids=NEEDING)
def test_what_waits_in_an_event_loop_says_in_which(run: Run, call: Callable[[], Any]) -> None:
    """With what runs instead, and the way out."""
    with Session(inherit=False), pytest.raises(NeedsAsyncio) as caught:
        run(call)
    for words in ("asyncio", "under trio", "asyncio.run(", "trio.to_thread.run_sync"):
        assert words in str(caught.value)
    assert caught.value.library == "trio"
    assert pickle.loads(pickle.dumps(caught.value)).library == "trio"


def test_it_is_a_result_of_arun(run: Run) -> None:
    """Which raises nothing."""
    with Session(inherit=False):
        assert isinstance(run(double.arun).error, NeedsAsyncio)


NOTHING_TO_WAIT_FOR: dict[str, Callable[[], Any]] = {
    "call": later,
    "acall": later.acall,
    "of trio": rests,
    "stream": lambda: _collected(letters()),
    "cache": later.with_options(Cache()),
    "rate": later.with_options(RateLimit("100/s")),
    "breaker": later.with_options(Breaker()),
    "undo": later.with_options(Undo(lambda *_: None)),
}


@pytest.mark.parametrize("call", NOTHING_TO_WAIT_FOR.values(), ids=NOTHING_TO_WAIT_FOR)
def test_async_tasks_that_need_no_loop_of_asyncio_are_left_alone(run: Run, call: Callable[[], Any]) -> None:
    """Nothing is asked before it is needed."""
    with Session(inherit=False):
        assert run(call) in (2, 3, ["a", "b"])


def test_without_any_loop_it_says_so() -> None:
    """For who steps a coroutine by hand."""
    with Session(inherit=False), pytest.raises(NeedsAsyncio, match="none runs here") as caught:
        double.acall().send(None)
    assert caught.value.library == ""


def test_a_tasks_own_complaint_leaves_it_as_it_is(run: Run) -> None:
    """It is its author who asked for asyncio."""
    import asyncio

    @task
    async def own() -> None:
        await asyncio.sleep(0.001)

    with Session(inherit=False), pytest.raises(RuntimeError, match="no running event loop") as caught:
        run(own)
    assert type(caught.value) is RuntimeError


def test_on_anyios_asyncio_all_works() -> None:
    """It is asyncio that counts, and not who starts it."""

    async def main() -> Any:
        async with Session(inherit=False):
            return await double.acall(), await later.amap([1]), await gather(later)

    assert anyio.run(main, backend="asyncio") == (2, [2], [2])
