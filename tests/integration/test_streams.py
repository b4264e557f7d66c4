"""Streams: contexts of their own, steps, ends, and what layers do around them."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import inspect
import logging
from contextvars import ContextVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pegboard import Layer, Order, Retry, Scope, Session, UnsupportedTask, current_call, hookimpl, task
from pegboard.testing import Recorder

marker: ContextVar[str] = ContextVar("marker", default="outside")


class Marking:
    """A scope that sets a context variable, and notes where that could not be undone."""

    name = "marking"

    def __init__(self) -> None:
        self.misplaced: list[Exception] = []

    @hookimpl
    def bind(self, task) -> Scope:
        def leave(call, token) -> None:
            try:
                marker.reset(token)
            except ValueError as error:
                self.misplaced.append(error)

        return Scope("marking", lambda call: marker.set(task.name), leave)


class Doubling:
    """A layer that changes every item."""

    name = "doubling"

    @hookimpl
    def bind(self) -> Layer:
        async def stream(call, proceed):
            async for item in proceed(call):
                yield item * 2

        return Layer("doubling", Order.VALIDATE, stream=stream)


@task(name="count")
def count(n: int):
    yield from range(n)


@task(name="acount")
async def acount(n: int):
    for i in range(n):
        await asyncio.sleep(0)
        yield i


def items_of(probe, *args) -> list[object]:
    """Read a stream of either colour to its end."""
    if probe.kind == "generator":
        return list(probe(*args))

    async def read() -> list[object]:
        return [item async for item in probe(*args)]

    return asyncio.run(read())


both = pytest.mark.parametrize("probe", [count, acount], ids=["sync", "async"])


@both
def test_nothing_runs_before_the_first_step(probe) -> None:
    """Calling a stream task tells nobody and runs nothing."""
    recorder = Recorder()
    with Session(recorder):
        stream = probe(2)
    assert recorder.events == []
    assert inspect.isgenerator(stream) or inspect.isasyncgen(stream)


@both
def test_each_item_is_told_with_its_index_from_0(probe) -> None:
    """on_iteration carries index and item, in order, inside the call."""
    recorder = Recorder()
    with Session(recorder):
        items_of(probe, 3)
    told = [(event.details["index"], event.details["item"]) for event in recorder.of("on_iteration")]
    assert told == [(0, 0), (1, 1), (2, 2)]
    assert recorder.log()[0] == "before_execute"
    assert recorder.of("after_execute")[0].details["outcome"].value is None


def test_an_error_after_two_items_delivers_the_two() -> None:
    """Both items arrive, then the original exception."""
    error = ValueError("third")

    @task
    def two_and_out():
        yield 1
        yield 2
        raise error

    recorder = Recorder()
    got = []
    with Session(recorder), pytest.raises(ValueError) as caught:
        for item in two_and_out():
            got.append(item)  # noqa: PERF402 - the items before the error are the point
    assert caught.value is error
    assert got == [1, 2]
    assert [str(event) for event in recorder.events][-2:] == [
        "on_error ValueError",
        "after_execute error/run 1",
    ]


def test_send_throw_and_return_reach_the_body() -> None:
    """A task's generator talks with its consumer as the plain one does."""

    @task
    def talk():
        heard = yield "hello"
        try:
            yield heard
        except KeyError:
            yield "caught"
        return "bye"

    recorder = Recorder()
    with Session(recorder):
        stream = talk()
        assert next(stream) == "hello"
        assert stream.send("you") == "you"
        assert stream.throw(KeyError("x")) == "caught"
        with pytest.raises(StopIteration) as stop:
            next(stream)
    assert stop.value.value == "bye"
    assert recorder.unbalanced() == []


def test_asend_and_athrow_reach_the_body() -> None:
    """A task's async generator talks with its consumer as the plain one does."""

    @task
    async def talk():
        heard = yield "hello"
        try:
            yield heard
        except KeyError:
            yield "caught"

    async def converse() -> list[object]:
        stream = talk()
        said = [await stream.__anext__(), await stream.asend("you"), await stream.athrow(KeyError("x"))]
        await stream.aclose()
        return said

    recorder = Recorder()
    with Session(recorder):
        assert asyncio.run(converse()) == ["hello", "you", "caught"]
    assert recorder.unbalanced() == []


def test_a_suspended_stream_is_nobodys_parent() -> None:
    """What a consumer calls between two items is not the stream's child."""

    @task
    def inner() -> str | None:
        call = current_call()
        return None if call is None or call.parent is None else call.parent.task.name

    @task
    def nest():
        yield inner()
        yield inner()

    with Session():
        stream = nest()
        assert next(stream) == nest.name
        assert inner() is None
        assert current_call() is None
        assert next(stream) == nest.name


@both
def test_no_context_variable_leaks_to_the_consumer(probe) -> None:
    """A scope of a stream is entered and left inside its own context, whoever closes it."""
    marking = Marking()
    with Session(marking):
        if probe is count:
            for _ in count(2):
                assert marker.get() == "outside"
        else:

            async def consume() -> None:
                stream = acount(3)
                async for _ in stream:
                    assert marker.get() == "outside"
                    break
                await asyncio.create_task(stream.aclose())

            asyncio.run(consume())
    assert marker.get() == "outside"
    assert marking.misplaced == []


def test_the_body_keeps_its_own_context_across_yields() -> None:
    """A variable that the body sets stays set for its next steps, and what the consumer sets is not seen."""

    @task
    def body():
        marker.set("body")
        yield marker.get()
        yield marker.get()

    with Session():
        stream = body()
        assert next(stream) == "body"
        marker.set("consumer")
        assert next(stream) == "body"
        assert marker.get() == "consumer"
        marker.set("outside")


def test_the_parent_of_a_stream_is_the_call_that_made_it() -> None:
    """A stream handed out of the call that made it still belongs to that call."""

    @task
    def make():
        return count(1)

    recorder = Recorder()
    with Session(recorder):
        list(make())
    made = next(event.subject for event in recorder.events if event.task == "count")
    assert made.parent is not None
    assert made.parent.task is make


@pytest.mark.parametrize("layers", [False, True], ids=["plain", "layer"])
@pytest.mark.parametrize("how", ["close", "drop", "break"])
def test_a_stream_left_early_ends_once_and_runs_its_finally(how: str, layers: bool) -> None:
    """Closed, dropped or left by break: status closed once, `finally` ran inside the stream's context."""
    seen = []

    @task(name="left")
    def left():
        try:
            yield 1
            yield 2
        finally:
            seen.append(current_call())

    recorder = Recorder()
    with Session(recorder, *([Doubling()] if layers else [])):
        stream = left()
        if how == "break":
            for _ in stream:
                break
        else:
            next(stream)
        if how == "close":
            stream.close()
        del stream
        gc.collect()
    assert [call.task.name for call in seen] == ["left"]
    assert recorder.log()[-1] == "after_execute closed/run 1"
    assert recorder.unbalanced() == []


@pytest.mark.parametrize("layers", [False, True], ids=["plain", "layer"])
@pytest.mark.parametrize("how", ["aclose", "drop", "break", "aclose elsewhere", "cancel"])
def test_an_async_stream_left_early_ends_once(
    how: str, layers: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """However an async stream is left, it ends once, its `finally` ran to the end, and nothing is logged."""
    seen = []

    @task(name="left")
    async def left():
        try:
            yield 1
            await asyncio.sleep(0)
            yield 2
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(0)
            seen.append(current_call().task.name)

    async def consume() -> None:
        stream = left()
        await stream.__anext__()
        if how == "aclose":
            await stream.aclose()
        elif how == "aclose elsewhere":
            await asyncio.create_task(stream.aclose(), context=contextvars.Context())
        elif how == "break":
            async for _ in stream:
                break
        elif how == "cancel":
            await stream.__anext__()
            reading = asyncio.ensure_future(stream.__anext__())
            await asyncio.sleep(0)
            reading.cancel()
            await asyncio.wait([reading])
        del stream
        gc.collect()
        for _ in range(5):
            await asyncio.sleep(0)

    recorder = Recorder()
    marking = Marking()
    with (
        Session(recorder, marking, *([Doubling()] if layers else [])),
        caplog.at_level(logging.DEBUG, "asyncio"),
    ):
        asyncio.run(consume())
    assert seen == ["left"]
    status = "cancelled" if how == "cancel" else "closed"
    assert recorder.log()[-1] == f"after_execute {status}/run 1"
    assert recorder.unbalanced() == []
    assert marking.misplaced == []
    assert not [record for record in caplog.records if record.levelno > logging.DEBUG]


def test_a_stream_still_open_when_the_loop_ends_is_closed_in_its_own_context() -> None:
    """The loop's own clean-up closes the stream once, and never the body behind its back."""
    seen = []

    @task(name="open")
    async def left_open():
        try:
            yield 1
        finally:
            seen.append(current_call().task.name)

    keep = []

    async def consume() -> None:
        stream = left_open()
        await stream.__anext__()
        keep.append(stream)

    recorder = Recorder()
    with Session(recorder):
        asyncio.run(consume())
    assert seen == ["open"]
    assert recorder.unbalanced() == []


@both
def test_a_layer_wraps_every_item(probe) -> None:
    """One `stream` side serves generators and async generators."""
    with Session(Doubling()):
        assert items_of(probe, 3) == [0, 2, 4]


@both
def test_a_layer_without_a_stream_side_is_refused(probe) -> None:
    """A layer that cannot wrap a stream is refused at bind, naming plugin and task."""

    class ValuesOnly:
        name = "values"

        @hookimpl
        def bind(self) -> Layer:
            async def run(call, proceed):
                return await proceed(call)

            return Layer("values", Order.CACHE, run=run)

    with Session(ValuesOnly()), pytest.raises(UnsupportedTask) as caught:
        items_of(probe, 1)
    assert (caught.value.plugin, caught.value.task) == ("values", probe.name)


def test_an_early_end_closes_every_layer_from_the_outside_in() -> None:
    """Layers of a closed stream run their `finally` in order, outermost first, before the end is told."""
    order: list[str] = []

    class Noting:
        def __init__(self, name: str, place: int) -> None:
            self.name = name
            self.place = place

        @hookimpl
        def bind(self) -> Layer:
            async def stream(call, proceed):
                try:
                    async for item in proceed(call):
                        yield item
                finally:
                    order.append(self.name)

            return Layer(self.name, self.place, stream=stream)

    class Ending:
        name = "ending"

        @hookimpl
        def after_execute(self, outcome) -> None:
            order.append(outcome.status)

    @task
    def body():
        try:
            yield 1
        finally:
            order.append("body")

    with Session(Noting("outer", 100), Noting("inner", 200), Ending()):
        stream = body()
        next(stream)
        stream.close()
    assert order == ["outer", "inner", "body", "closed"]


def test_a_stream_is_retried_only_before_its_first_item() -> None:
    """A stream that failed before it yielded is started again; later the error leaves."""
    runs = []

    @task(Retry(2))
    def flaky(fail_at: int):
        runs.append(fail_at)
        for i in range(2):
            if i == fail_at and len(runs) < 3:
                raise OSError(i)
            yield i

    with Session():
        assert list(flaky(0)) == [0, 1]
        assert runs == [0, 0, 0]
        runs.clear()
        with pytest.raises(OSError):
            list(flaky(1))
        assert runs == [1]


def test_a_body_that_yields_while_it_is_closed_is_an_error() -> None:
    """A generator that ignores its close fails as a plain one does, and ends with that error."""

    @task
    def stubborn():
        try:
            yield 1
        finally:
            yield 2

    recorder = Recorder()
    with Session(recorder):
        stream = stubborn()
        next(stream)
        with pytest.raises(RuntimeError, match="ignored GeneratorExit"):
            stream.close()
    assert recorder.log()[-1] == "after_execute error/run 1"


ACTIONS = st.lists(st.sampled_from(["next a", "next b", "call", "close a", "drop b", "collect"]), max_size=20)


@given(ACTIONS)
def test_interleaved_streams_keep_to_themselves(actions: list[str]) -> None:
    """Whatever is done with two streams in whatever order, no context variable changes and all is balanced."""

    @task(name="stream")
    def stream(name: str):
        marker.set(name)
        for _ in range(5):
            assert marker.get() == name
            assert current_call().inputs["name"] == name
            yield name

    @task(name="plain")
    def plain() -> object:
        return current_call().parent

    recorder = Recorder()
    before = contextvars.copy_context()
    with Session(recorder, inherit=False):
        streams = {"a": stream("a"), "b": stream("b")}
        for action in actions:
            verb, _, which = action.partition(" ")
            if verb == "next" and which in streams:
                assert next(streams[which], which) == which
            elif verb == "close":
                streams[which].close()
            elif verb == "drop":
                streams.pop(which, None)
            elif verb == "call":
                assert plain() is None
            elif verb == "collect":
                gc.collect()
            assert current_call() is None
            assert marker.get() == "outside"
        streams.clear()
        gc.collect()
    assert recorder.unbalanced() == []
    after = contextvars.copy_context()
    assert {v.name: after[v] for v in after if v in before} == {v.name: before[v] for v in before}
