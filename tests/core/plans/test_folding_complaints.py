"""Layers of sync tasks that await what needs an event loop, where that itself complains first."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from pegboard import AwaitInSyncTask, Layer, NotAwaited, Order, Session, Task, UnsupportedTask, hookimpl, task


async def sleeps(lock: asyncio.Lock) -> None:
    await asyncio.sleep(1)


async def yields(lock: asyncio.Lock) -> None:
    await asyncio.sleep(0)


async def asks(lock: asyncio.Lock) -> None:
    asyncio.get_running_loop()


async def goes_to_a_thread(lock: asyncio.Lock) -> None:
    await asyncio.to_thread(print)


async def locks(lock: asyncio.Lock) -> None:
    await lock.acquire()
    await lock.acquire()


async def waits_in_time(lock: asyncio.Lock) -> None:
    async with asyncio.timeout(1):
        await lock.acquire()


async def waits_for_another_loop(lock: asyncio.Lock) -> None:
    await _elsewhere.run_in_executor(None, int)


async def uses_a_library(lock: asyncio.Lock) -> None:
    raise type("NoEventLoopError", (RuntimeError,), {})(
        "Not currently running on any asynchronous event loop"
    )


@task
async def another() -> None:
    await asyncio.sleep(1)


async def awaits_a_task(lock: asyncio.Lock) -> None:
    await another()


async def awaits_a_task_otherwise(lock: asyncio.Lock) -> None:
    await another.acall()


AWAITS = [
    awaits_a_task,
    awaits_a_task_otherwise,
    sleeps,
    yields,
    asks,
    goes_to_a_thread,
    locks,
    waits_in_time,
    waits_for_another_loop,
    uses_a_library,
]


@pytest.fixture(autouse=True, scope="module")
def _loop_elsewhere():
    global _elsewhere
    _elsewhere = asyncio.new_event_loop()
    yield
    _elsewhere.close()


class Impatient:
    """A plugin whose layer has another name."""

    name = "impatient"

    def __init__(self, awaits: Callable[[asyncio.Lock], Awaitable[None]]) -> None:
        self._awaits = awaits

    @hookimpl
    def bind(self, task: Task[..., Any]) -> Layer | None:
        if task.name == "another":
            return None
        lock = asyncio.Lock()

        async def run(call: Any, proceed: Any) -> Any:
            await self._awaits(lock)
            return await proceed(call)

        async def stream(call: Any, proceed: Any) -> Any:
            await self._awaits(lock)
            async for item in proceed(call):
                yield item

        return Layer("wait a bit", Order.RETRY, run, stream)


class Outer:
    """A plugin whose layer is around that, and at no fault."""

    name = "outer"

    @hookimpl
    def bind(self) -> Layer:
        async def run(call: Any, proceed: Any, *, more: int) -> Any:
            return await proceed(call)

        async def stream(call: Any, proceed: Any) -> Any:
            async for item in proceed(call):
                yield item

        return Layer("around", Order.CACHE, functools.partial(run, more=1), stream)


@pytest.mark.parametrize("awaits", AWAITS, ids=lambda awaits: awaits.__name__)
@pytest.mark.parametrize("kind", ["function", "generator"])
def test_the_layer_that_awaits_is_named_with_its_plugin(kind: str, awaits: Any) -> None:
    """And with the task and the way out, whoever notices first that no event loop runs; the body does not run."""
    ran: list[int] = []

    @task(name="quick")
    def function() -> None:
        ran.append(1)

    @task(name="quick")
    def generator() -> Any:
        ran.append(1)
        yield 1

    with Session(Outer(), Impatient(awaits)), pytest.raises(AwaitInSyncTask) as refused:
        list(generator()) if kind == "generator" else function()
    error = refused.value
    assert (error.plugin, error.layer, error.task, ran) == ("impatient", "wait a bit", "quick", [])
    assert str(error).startswith("layer 'wait a bit' of plugin 'impatient' awaited")
    assert "call.sleep" in str(error)


def test_a_sync_task_in_a_running_loop_says_the_same() -> None:
    """There asyncio does not complain, and the layer suspends."""

    @task
    def quick() -> None: ...

    async def main() -> None:
        with Session(Impatient(sleeps)):
            quick()

    with pytest.raises(AwaitInSyncTask, match="layer 'wait a bit' of plugin 'impatient'"):
        asyncio.run(main())


@pytest.mark.parametrize("kind", ["function", "generator"])
def test_the_complaint_of_a_body_stays_the_bodys(kind: str) -> None:
    """The task's own exception leaves the call, the same object."""
    own: list[RuntimeError] = []

    def complain() -> None:
        try:
            asyncio.get_running_loop()
        except RuntimeError as error:
            own.append(error)
            raise

    @task
    def function() -> None:
        complain()

    @task
    def generator() -> Any:
        complain()
        yield 1

    with Session(Outer()), pytest.raises(RuntimeError, match="no running event loop") as raised:
        list(generator()) if kind == "generator" else function()
    assert raised.value is own[0]


@task(name="another")
def asks_itself() -> None:
    asyncio.get_running_loop()


@pytest.mark.parametrize("called", [asks_itself, asks_itself.__wrapped__], ids=["task", "function"])
def test_the_complaint_of_a_function_that_a_layer_has_called_is_its_own(called: Callable[[], None]) -> None:
    """The layer awaits nothing there: a sync task, or a function that it hands to an effect, asks for the loop."""

    class Calling:
        name = "calling"

        @hookimpl
        def bind(self, task: Task[..., Any]) -> Layer | None:
            async def run(call: Any, proceed: Any) -> Any:
                await call.io(called)

            return None if task.name == "another" else Layer("calling", Order.RETRY, run)

    @task
    def quick() -> None: ...

    with Session(Calling()), pytest.raises(RuntimeError, match="no running event loop") as raised:
        quick()
    assert type(raised.value) is RuntimeError


def test_an_error_of_a_layer_that_is_no_complaint_stays_as_it_is() -> None:
    """A layer may raise a RuntimeError or AttributeError of its own."""

    async def breaks(lock: asyncio.Lock) -> None:
        raise RuntimeError("the disk is full")

    @task
    def quick() -> None: ...

    with Session(Impatient(breaks)), pytest.raises(RuntimeError, match="the disk is full") as raised:
        quick()
    assert type(raised.value) is RuntimeError


def test_an_async_task_may_wait_for_all_of_that() -> None:
    """The same layer around a coroutine."""

    @task
    async def slow() -> int:
        return 1

    async def main() -> int:
        with Session(Impatient(yields)):
            return await slow()

    assert asyncio.run(main()) == 1


class Forgetful:
    """Its layer has another name, and forgets to await."""

    name = "forgetful"

    @hookimpl
    def bind(self) -> Layer:
        async def run(call: Any, proceed: Any) -> Any:
            return proceed(call)

        return Layer("lost", Order.RETRY, run)


def test_a_layer_that_forgets_to_await_is_named_with_its_plugin() -> None:
    """As one that awaits what it must not."""

    @task
    def quick() -> None: ...

    with (
        Session(Forgetful()),
        pytest.raises(NotAwaited, match="layer 'lost' of plugin 'forgetful'") as refused,
    ):
        quick()
    assert (refused.value.plugin, refused.value.layer) == ("forgetful", "lost")


def test_a_layer_without_a_side_for_streams_is_named_with_its_plugin() -> None:
    """Where a generator task is refused."""

    @task
    def stream() -> Any:
        yield 1

    with (
        Session(Forgetful()),
        pytest.raises(UnsupportedTask, match="layer 'lost' of plugin 'forgetful'") as refused,
    ):
        stream()
    assert refused.value.plugin == "forgetful"
