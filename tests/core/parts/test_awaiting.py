"""Values that have to be awaited, told from others."""

from __future__ import annotations

import asyncio
import functools
import inspect
import sys
import types

import pytest

from pegboard import Layer, MustBeAwaited, Order, Session, TaskTimeout, hookimpl, task
from pegboard.parts.awaiting import is_async_function, is_awaitable, refuse_awaitable, settled
from pegboard.testing import Recorder


@task
def size(text: str) -> int:
    return len(text)


@task
async def fetch(x: int) -> int:
    await asyncio.sleep(0)
    return x + 1


def hidden(x: int):
    """Give a coroutine, which nobody can tell beforehand."""
    return fetch(x)


class Object:
    async def __call__(self, x: int) -> int:
        return x

    async def method(self, x: int) -> int:
        return x

    @task
    async def task_of_it(self, x: int) -> int:
        return x


class Later:
    def __await__(self):
        yield from ()
        return 1


@types.coroutine
def old_style():
    yield


@pytest.mark.parametrize(
    "function",
    [fetch, fetch.acall, size.acall, size.arun, size.amap, functools.partial(size.acall, "a"), Object(), Object().method,
     Object().task_of_it, Object().task_of_it.acall, functools.partial(functools.partial(fetch)), fetch.__wrapped__],
)  # fmt: skip
def test_what_gives_a_coroutine_is_known_beforehand(function) -> None:
    """Whatever holds it."""
    assert is_async_function(function)
    if hasattr(inspect, "markcoroutinefunction"):
        assert inspect.iscoroutinefunction(function) or isinstance(function, Object | functools.partial)


@pytest.mark.parametrize(
    "function",
    [size, size.map, size.run, size.aimap, len, hidden, Object, print, None, 3, old_style],
)
def test_what_gives_none_is_told_from_it(function) -> None:
    """Also where it gives one that nobody can know of."""
    assert not is_async_function(function)


def test_a_way_to_call_a_task_makes_a_task_that_is_named_after_both() -> None:
    """It is async, too."""
    made = task(size.acall)
    assert (made.kind, made.name) == ("coroutine", "size.acall")
    assert asyncio.run(made("abc")) == 3


def test_awaitables_are_told_from_values() -> None:
    """By what `await` takes."""
    coroutine = fetch.__wrapped__(1)
    generator = old_style()
    for value in (coroutine, generator, Later()):
        assert is_awaitable(value)
    for value in (1, None, "a", [], (each for each in ()), size, fetch, iter(())):
        assert not is_awaitable(value)
    coroutine.close()


def test_a_refused_coroutine_is_closed() -> None:
    """Or Python would warn of it."""
    coroutine = fetch.__wrapped__(1)
    with pytest.raises(
        MustBeAwaited, match=r"'load' returned a coroutine.*graph 'g' runs in sync code"
    ) as caught:
        refuse_awaitable(coroutine, "load", "graph 'g'")
    assert caught.value.task == "load"
    assert inspect.getcoroutinestate(coroutine) == inspect.CORO_CLOSED
    refuse_awaitable(3, "load", "graph 'g'")


def test_what_gives_awaitables_in_turn_is_awaited_to_the_end() -> None:
    """Until there is a value."""

    async def nested():
        return Later()

    assert asyncio.run(settled(nested())) == 1


HIDDEN = task(hidden)
WAYS = {
    "acall": lambda: HIDDEN.acall(1),
    "arun": lambda: _value(HIDDEN.arun(1)),
    "amap": lambda: _first(HIDDEN.amap([1])),
    "aimap": lambda: _next(HIDDEN.aimap([1])),
}


async def _value(result):
    return (await result).unwrap()


async def _first(results):
    return (await results)[0]


async def _next(stream):
    (value,) = [value async for value in stream]
    return value


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_what_a_function_returns_is_awaited_where_its_call_is(way) -> None:
    """Within the call: observers are told its end after that, and its calls are the call's own."""
    recorder = Recorder()
    with Session(recorder):
        assert asyncio.run(way()) == 2
    assert [str(each) for each in recorder.of("after_execute")] == ["after_execute ok/run 1"] * 2
    inner = next(each.subject for each in recorder.of("before_execute") if each.task == "fetch")
    assert inner.parent.name == "hidden"


def test_a_direct_call_gives_what_the_function_gave() -> None:
    """As without `@task`."""
    coroutine = HIDDEN(1)
    assert asyncio.run(coroutine) == 2


def test_a_future_is_awaited_and_any_other_awaitable_is_a_value() -> None:
    """A function may give something that can be waited for otherwise, too."""
    later = Later()

    async def main() -> None:
        loop = asyncio.get_running_loop()
        future = loop.create_future()
        loop.call_later(0.01, future.set_result, 5)
        assert await task(lambda: future).acall() == 5
        assert await task(lambda: later).acall() is later

    with Session():
        asyncio.run(main())


def test_what_is_awaited_in_a_call_fails_with_it() -> None:
    """And keeps to its limits."""

    async def broken() -> None:
        raise KeyError("inner")

    def hidden_error():
        return broken()

    @task
    def slow():
        return asyncio.sleep(300)

    async def main() -> None:
        with pytest.raises(KeyError):
            await task(hidden_error).acall()
        with pytest.raises(TaskTimeout):
            await slow.acall()

    class Limiting:
        name = "limiting"

        @hookimpl
        def bind(self, task):
            async def run(call, proceed):
                async with call.timeout(0.05):
                    return await proceed(call)

            return Layer("limiting", Order.TIMEOUT, run=run) if task.name == "slow" else None

    recorder = Recorder()
    with Session(recorder, Limiting()):
        asyncio.run(main())
    assert [each.details["outcome"].status for each in recorder.of("after_execute")] == ["error", "error"]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="inspect knows no mark before")
def test_inspect_sees_the_awaited_ways_of_a_task() -> None:
    """As other tools look at them."""
    assert inspect.iscoroutinefunction(size.acall)
