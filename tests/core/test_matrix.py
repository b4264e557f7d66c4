"""Every kind of task, ended in every way, with every plugin: promises 1, 2 and 5 of docs/explanation/architecture.md."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable

import pytest

from pegboard import Layer, Order, Scope, Session, current_call, hookimpl, task
from pegboard.testing import FaultyPlugin, Recorder

KINDS = ("function", "coroutine", "generator", "async_generator")
STREAMS = ("generator", "async_generator")
ENDINGS = ("returns", "raises", "keyboard_interrupt", "system_exit", "cancelled", "closed", "dropped")
STATUS = {
    "returns": "ok",
    "raises": "error",
    "keyboard_interrupt": "cancelled",
    "system_exit": "cancelled",
    "cancelled": "cancelled",
    "closed": "closed",
    "dropped": "closed",
}


class Boom(Exception):  # noqa: N818
    """What a failing body raises."""


ERRORS: dict[str, Callable[[], BaseException]] = {
    "raises": lambda: Boom("no"),
    "keyboard_interrupt": KeyboardInterrupt,
    "system_exit": lambda: SystemExit(3),
    "cancelled": asyncio.CancelledError,
}


class Passing:
    """A layer and a scope that change nothing."""

    name = "passing"

    @hookimpl
    def bind(self) -> list[object]:
        async def run(call, proceed):
            return await proceed(call)

        async def stream(call, proceed):
            async for item in proceed(call):
                yield item

        return [
            Layer("passing", Order.LIMIT, run, stream),
            Scope("passing", lambda call: None, lambda call, token: None),
        ]


class FaultyScope:
    """A scope that fails on the way in, and one that fails on the way out."""

    name = "faulty scope"

    @hookimpl
    def bind(self) -> list[object]:
        def fail(*args: object) -> None:
            raise ValueError("scope")

        return [Scope("in", fail, fail), Scope("out", lambda call: None, fail)]


PLUGINS: dict[str, Callable[[], list[object]]] = {
    "no plugin": list,
    "healthy observer": lambda: [Recorder("healthy")],
    "raising observer": lambda: [FaultyPlugin(ValueError)],
    "closing observer": lambda: [FaultyPlugin(GeneratorExit)],
    "cancelling observer": lambda: [FaultyPlugin(asyncio.CancelledError)],
    "recursing observer": lambda: [FaultyPlugin(RecursionError)],
    "faulty scope": lambda: [FaultyScope()],
    "layer": lambda: [Passing()],
    "layer and raising observer": lambda: [Passing(), FaultyPlugin(ValueError)],
}

runs: list[str] = []


def end(ending: str) -> str:
    """Do what the body of a cell does last."""
    runs.append(ending)
    if ending in ERRORS:
        error = ERRORS[ending]()
        raise error
    return "value"


@task
def function(ending: str) -> str:
    return end(ending)


@task
async def coroutine(ending: str) -> str:
    await asyncio.sleep(0)
    return end(ending)


@task
def generator(ending: str):
    yield "first"
    yield end(ending)


@task
async def async_generator(ending: str):
    yield "first"
    await asyncio.sleep(0)
    yield end(ending)


TASKS = {
    "function": function,
    "coroutine": coroutine,
    "generator": generator,
    "async_generator": async_generator,
}


def drive(kind: str, ending: str) -> object:
    """Run one cell and return what came of it: a value, or the type of what was raised."""
    try:
        if kind == "function":
            return function(ending)
        if kind == "generator":
            return drive_generator(ending)
        return drive_async(kind, ending)
    except BaseException as error:  # noqa: BLE001 - the cell's own ending
        assert current_call() is None
        return type(error)


def drive_generator(ending: str) -> object:
    stream = generator(ending)
    if ending in ("closed", "dropped"):
        got = next(stream)
        if ending == "closed":
            stream.close()
        del stream
        gc.collect()
        return got
    return list(stream)


def drive_async(kind: str, ending: str) -> object:
    """Drive by hand, as an event loop would: asyncio itself changes what an exit does."""

    async def consume() -> object:
        if kind == "coroutine":
            return await coroutine(ending)
        stream = async_generator(ending)
        if ending in ("closed", "dropped"):
            got = await stream.__anext__()
            if ending == "closed":
                await stream.aclose()
            del stream
            gc.collect()
            return got
        return [item async for item in stream]

    steps = consume()
    try:
        while True:
            steps.send(None)
    except StopIteration as stop:
        return stop.value


CELLS = [
    (kind, ending)
    for kind in KINDS
    for ending in ENDINGS
    if ending not in ("closed", "dropped") or kind in STREAMS
]


@pytest.fixture(autouse=True)
def _fresh_runs() -> None:
    runs.clear()


@pytest.mark.parametrize("plugins", PLUGINS.values(), ids=PLUGINS)
@pytest.mark.parametrize(("kind", "ending"), CELLS, ids=[f"{kind}-{ending}" for kind, ending in CELLS])
def test_every_beginning_has_one_end(kind: str, ending: str, plugins: Callable[[], list[object]]) -> None:
    """In every cell a call begins once and ends once, with the right status, and the body runs as often as without plugins."""
    expected = drive(kind, ending)
    expected_runs = list(runs)
    runs.clear()
    recorder = Recorder()
    with Session(recorder, *plugins()):
        assert drive(kind, ending) == expected
    assert runs == expected_runs
    assert recorder.unbalanced() == []
    (after,) = recorder.of("after_execute")
    assert after.details["outcome"].status == STATUS[ending]
    assert len(recorder.of("on_error")) == (ending == "raises")
    assert recorder.events[-1] is after
    assert current_call() is None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ending", ["returns", "raises"])
def test_a_faulty_observer_changes_no_event(kind: str, ending: str) -> None:
    """The events that another plugin sees are the same with and without a faulty one."""
    logs = []
    for faulty in ([], [FaultyPlugin(ValueError)], [FaultyPlugin(GeneratorExit)]):
        recorder = Recorder()
        with Session(*faulty, recorder, *faulty[:0]):
            drive(kind, ending)
        logs.append(recorder.log())
    assert logs[0] == logs[1] == logs[2]
    assert logs[0]


@pytest.mark.parametrize("steps", range(6))
@pytest.mark.parametrize(
    "plugins", [list, lambda: [Passing(), FaultyPlugin()]], ids=["plain", "layer and faulty"]
)
def test_cancelled_at_any_await_a_call_ends_once(steps: int, plugins: Callable[[], list[object]]) -> None:
    """Whatever await a call is cancelled at, it ends once, cancelled, and nothing hangs."""
    recorder = Recorder()
    with Session(*plugins(), recorder):
        cancel_after(steps)
    assert recorder.unbalanced() == []
    ends = [event.details["outcome"].status for event in recorder.of("after_execute")]
    assert all(status in ("ok", "cancelled", "closed") for status in ends)
    assert current_call() is None


def cancel_after(k: int) -> None:
    async def body() -> None:
        await coroutine("returns")
        async for _ in async_generator("returns"):
            pass

    steps = body()
    try:
        for _ in range(k):
            steps.send(None)
        steps.throw(asyncio.CancelledError())
    except (StopIteration, asyncio.CancelledError):
        return
    raise AssertionError("the cancellation was swallowed")
