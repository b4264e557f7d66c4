"""What a call costs: with nothing, with observers, with layers, in both colours, and an item of a stream."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from benchmarks.measure import Row, plain, ready, repeat, repeat_async
from pegboard import Layer, Session, hookimpl, task

ITEMS = 1_000


async def aplain(x: int) -> int:
    return x


def numbers(n: int) -> Iterator[int]:
    for i in range(n):  # noqa: UP028 - the plain thing to compare with
        yield i


async def anumbers(n: int) -> AsyncIterator[int]:
    for i in range(n):
        yield i


class Observing:
    """An observer of beginning and end that does nothing."""

    def __init__(self, number: int) -> None:
        self.name = f"observing {number}"

    @hookimpl
    def before_execute(self, call: object) -> None: ...

    @hookimpl
    def after_execute(self, call: object, outcome: object) -> None: ...


class Iterating:
    """An observer of items that does nothing."""

    name = "iterating"

    @hookimpl
    def on_iteration(self, call: object, index: int, item: object) -> None: ...


class Passing:
    """A layer that does nothing."""

    def __init__(self, number: int) -> None:
        self.name = f"passing {number}"

    @hookimpl
    def bind(self) -> Layer:
        async def run(call: Any, proceed: Any) -> Any:
            return await proceed(call)

        async def stream(call: Any, proceed: Any) -> AsyncIterator[Any]:
            async for item in proceed(call):
                yield item

        return Layer(self.name, 500, run, stream)


def in_session(
    run: Callable[[int], object], *plugins: object
) -> Callable[[], AbstractContextManager[Callable[[int], object]]]:
    """Open a session with these plugins around the measurement."""

    @contextmanager
    def opened() -> Iterator[Callable[[int], object]]:
        with Session(*plugins, inherit=False):
            yield run

    return opened


def drain(stream: Callable[[int], Iterator[int]]) -> Callable[[int], None]:
    def loop(times: int) -> None:
        for _ in range(times):
            for _ in stream(ITEMS):
                pass

    return loop


def adrain(stream: Callable[[int], AsyncIterator[int]]) -> Callable[[int], None]:
    async def once() -> None:
        async for _ in stream(ITEMS):
            pass

    return repeat_async(once)


def observers(n: int) -> list[object]:
    return [Observing(i) for i in range(n)]


def layers(n: int) -> list[object]:
    return [Passing(i) for i in range(n)]


def rows(colour: str) -> list[Row]:
    """The calls of one colour."""
    run = repeat(task(plain), 1) if colour == "sync" else repeat_async(task(aplain), 1)
    bare = repeat(plain, 1) if colour == "sync" else repeat_async(aplain, 1)
    goals = colour == "sync"
    return [
        Row(f"plain {colour} function", lambda: ready(bare)),
        Row("task, no session", lambda: ready(run), 0.2 if goals else None),
        Row("session, nothing attached", in_session(run), 0.6 if goals else None),
        *(Row(f"{n} observers", in_session(run, *observers(n))) for n in (1, 3, 6)),
        *(Row(f"{n} layers", in_session(run, *layers(n))) for n in (1, 3, 6)),
        Row("3 observers + 6 layers", in_session(run, *observers(3), *layers(6)), 2.0 if goals else None),
    ]


def stream_rows() -> list[Row]:
    """An item of a stream."""
    sync, asynchronous = drain(task(numbers)), adrain(task(anumbers))
    more = {"times": 5, "each": ITEMS}
    return [
        Row("plain generator, per item", lambda: ready(drain(numbers)), **more),
        Row("stream, nothing attached", in_session(sync), **more),
        Row("stream, on_iteration", in_session(sync, Iterating()), 0.15, **more),
        Row("stream, 1 layer", in_session(sync, *layers(1)), **more),
        Row("plain async generator, per item", lambda: ready(adrain(anumbers)), **more),
        Row("async stream, nothing attached", in_session(asynchronous), **more),
        Row("async stream, on_iteration", in_session(asynchronous, Iterating()), **more),
        Row("async stream, 1 layer", in_session(asynchronous, *layers(1)), **more),
    ]
