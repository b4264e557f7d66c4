"""Send, throw, and what a generator returns, through any number of layers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator
from typing import Any

import pytest

from pegboard import Layer, Session, hookimpl, task
from pegboard.testing import Recorder


class Streaming:
    """A plugin whose layer passes items on, doubled or as they are."""

    def __init__(self, name: str, order: int = 300) -> None:
        self.name, self.order = name, order

    @hookimpl
    def bind(self) -> Layer:
        async def stream(call: Any, proceed: Any) -> Any:
            async for item in proceed(call):
                yield item

        return Layer(self.name, self.order, stream=stream)


@task
def talk() -> Generator[Any, Any, list[Any]]:
    got: list[Any] = []
    while len(got) < 3:
        try:
            got.append((yield len(got)))
        except KeyError as error:
            got.append(error.args[0])
            yield "caught"
    return got


@task
async def atalk() -> AsyncGenerator[Any, Any]:
    got: list[Any] = []
    while len(got) < 3:
        try:
            got.append((yield len(got)))
        except KeyError as error:
            got.append(error.args[0])
            yield "caught"
    yield got


layers = pytest.mark.parametrize("layers", [0, 1, 3])
watched = pytest.mark.parametrize("watched", [False, True])


def session(layers: int, watched: bool) -> Session:
    plugins: list[object] = [Streaming(f"layer{number}", 300 + number) for number in range(layers)]
    return Session(*plugins, *([Recorder()] if watched else []), inherit=False)


@layers
@watched
def test_what_is_sent_and_thrown_comes_to_the_generator_and_its_value_back(
    layers: int, watched: bool
) -> None:
    """As without layers, also by way of `yield from`."""

    def outer() -> Generator[Any, Any, Any]:
        return (yield from talk())

    with session(layers, watched):
        for items in (talk(), outer()):
            assert next(items) == 0
            assert items.send("a") == 1
            assert items.throw(KeyError("k")) == "caught"
            assert next(items) == 2
            with pytest.raises(StopIteration) as end:
                items.send("b")
            assert end.value.value == ["a", "k", "b"]


@layers
@watched
def test_what_is_sent_and_thrown_comes_to_an_async_generator(layers: int, watched: bool) -> None:
    """As without layers."""

    async def main() -> None:
        items = atalk()
        assert await anext(items) == 0
        assert await items.asend("a") == 1
        assert await items.athrow(KeyError("k")) == "caught"
        assert await anext(items) == 2
        assert await items.asend("b") == ["a", "k", "b"]
        await items.aclose()

    with session(layers, watched):
        asyncio.run(main())


@layers
def test_what_the_generator_does_not_catch_leaves_it(layers: int) -> None:
    """The same object, and the stream is over."""
    error = LookupError("for nobody")
    with session(layers, watched=False):
        items = talk()
        next(items)
        with pytest.raises(LookupError) as caught:
            items.throw(error)
        assert caught.value is error
        assert list(items) == []


def test_what_is_thrown_at_items_of_a_layer_s_own_is_raised_in_the_layer() -> None:
    """Where no generator waits below, as when stored items are given."""
    seen: list[type[BaseException]] = []

    class Replaying:
        name = "replaying"

        @hookimpl
        def bind(self) -> Layer:
            async def stream(call: Any, proceed: Any) -> Any:
                try:
                    yield "stored"
                except KeyError as error:
                    seen.append(type(error))
                    raise

            return Layer("replaying", 300, stream=stream)

    with Session(Replaying(), inherit=False):
        items = talk()
        assert next(items) == "stored"
        with pytest.raises(KeyError):
            items.throw(KeyError("k"))
    assert seen == [KeyError]


def test_a_generator_that_is_begun_anew_gets_nothing_of_what_was_sent_to_the_last() -> None:
    """A layer may proceed again, as a retry does."""

    class Again:
        name = "again"

        @hookimpl
        def bind(self) -> Layer:
            async def stream(call: Any, proceed: Any) -> Any:
                try:
                    async for item in proceed(call):
                        yield item
                except ValueError:
                    async for item in proceed(call):
                        yield item

            return Layer("again", 300, stream=stream)

    begun: list[Any] = []

    @task
    def fails_once() -> Generator[Any, Any, str]:
        begun.append((yield "first"))
        if len(begun) == 1:
            raise ValueError
        return "done"

    with Session(Again(), inherit=False):
        items = fails_once()
        assert next(items) == "first"
        assert items.send("lost with its attempt") == "first"
        with pytest.raises(StopIteration) as end:
            items.send("kept")
    assert begun == ["lost with its attempt", "kept"]
    assert end.value.value == "done"
