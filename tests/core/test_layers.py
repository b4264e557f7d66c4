"""Layers: their order, what they may do to a call, and one text for both colours."""

from __future__ import annotations

import asyncio
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pegboard import (
    AwaitInSyncTask,
    BindError,
    Layer,
    Order,
    Session,
    UnsupportedTask,
    current_call,
    hookimpl,
    task,
)
from pegboard.running.open_group import open_group
from pegboard.testing import Recorder


class Around:
    """A plugin of one layer, made of a function."""

    def __init__(self, run, name: str = "around", order: int = Order.LIMIT, **more) -> None:
        self.name = name
        self._layer = Layer(name, order, run, **more)

    @hookimpl
    def bind(self) -> Layer:
        return self._layer


@task(name="double")
def double(x: int) -> int:
    return 2 * x


@task(name="adouble")
async def adouble(x: int) -> int:
    await asyncio.sleep(0)
    return 2 * x


both = pytest.mark.parametrize("probe", [double, adouble], ids=["sync", "async"])


def value_of(probe, *args, **kwargs) -> object:
    """Call a task of either colour and return its value, or raise its error."""
    return probe.run(*args, **kwargs).unwrap()


@both
def test_a_layer_is_written_once_for_both_colours(probe) -> None:
    """The same `async def` serves functions and coroutines."""

    async def add_one(call, proceed):
        return await proceed(call) + 1

    with Session(Around(add_one)):
        assert value_of(probe, 5) == 11


@both
@given(orders=st.lists(st.integers(0, 1000), min_size=1, max_size=6))
def test_layers_nest_by_order_and_then_by_attachment(probe, orders: list[int]) -> None:
    """A lower order is further out; equal orders keep the order of attachment."""
    entered: list[int] = []

    def noting(index: int):
        async def run(call, proceed):
            entered.append(index)
            return await proceed(call)

        return run

    plugins = [Around(noting(i), f"p{i}", order) for i, order in enumerate(orders)]
    with Session(*plugins, inherit=False):
        value_of(probe, 1)
    assert entered == sorted(range(len(orders)), key=lambda i: orders[i])


@both
def test_a_layer_may_answer_without_the_function(probe) -> None:
    """Then no attempt is made, and `source` says where the value is from."""

    async def stored(call, proceed):
        call.source = "cache"
        return "stored"

    recorder = Recorder()
    with Session(Around(stored), recorder):
        result = probe.run(5)
    assert (result.value, result.source, result.attempts) == ("stored", "cache", 0)
    assert recorder.log() == ["before_execute", "after_execute ok/cache 0"]


@both
def test_a_layer_may_proceed_several_times(probe) -> None:
    """Each time is an attempt of its own, counted from 1."""

    async def thrice(call, proceed):
        return [await proceed(call) for _ in range(3)]

    recorder = Recorder()
    with Session(Around(thrice), recorder):
        assert value_of(probe, 1) == [2, 2, 2]
    assert [event.details["attempt"] for event in recorder.of("before_attempt")] == [1, 2, 3]
    assert recorder.of("after_execute")[0].details["outcome"].attempts == 3


@both
def test_a_layer_may_replace_an_error_by_a_value(probe) -> None:
    """An error that a layer handles is no error of the call."""

    async def forgive(call, proceed):
        try:
            return await proceed(call)
        except TypeError:
            return None

    recorder = Recorder()
    with Session(Around(forgive), recorder):
        assert value_of(probe, object()) is None
    assert recorder.of("on_error") == []


@both
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_layers_error_is_the_calls_error(probe, moment: str) -> None:
    """Raised before or after `proceed`, it leaves the call as itself."""
    error = LookupError("store")

    async def failing(call, proceed):
        if moment == "after":
            await proceed(call)
        raise error

    recorder = Recorder()
    with Session(Around(failing), recorder):
        result = probe.run(1)
    assert result.error is error
    assert recorder.log()[-2:] == [
        "on_error LookupError",
        f"after_execute error/run {int(moment == 'after')}",
    ]


@both
def test_the_current_call_is_the_layers_call(probe) -> None:
    """`current_call()` answers inside a layer, too."""
    seen = []

    async def look(call, proceed):
        seen.append(current_call() is call)
        return await proceed(call)

    with Session(Around(look)):
        value_of(probe, 1)
    assert seen == [True]


def test_awaiting_real_io_around_a_sync_task_names_plugin_and_task() -> None:
    """A layer that suspends in a sync task fails the call with a clear error."""

    async def harmless(call, proceed):
        return await proceed(call)

    async def guilty(call, proceed):
        await asyncio.sleep(0)
        return await proceed(call)

    plugins = Around(harmless, "outer", 100), Around(guilty, "guilty", 200), Around(harmless, "inner", 300)
    recorder = Recorder()
    with (
        Session(*plugins, recorder),
        pytest.raises(AwaitInSyncTask, match=r"'guilty' awaited.*'double'") as caught,
    ):
        double(1)
    assert (caught.value.plugin, caught.value.task) == ("guilty", "double")
    assert recorder.unbalanced() == []


def test_a_layer_that_suspends_around_a_generator_is_named_too() -> None:
    """The same for the stream side of a layer."""

    async def stream(call, proceed):
        await asyncio.sleep(0)
        async for item in proceed(call):
            yield item

    @task
    def numbers():
        yield 1

    with Session(Around(None, "guilty", stream=stream)), pytest.raises(AwaitInSyncTask) as caught:
        list(numbers())
    assert caught.value.plugin == "guilty"


def test_a_layer_without_a_run_side_is_refused_for_a_function() -> None:
    """A layer for streams only cannot wrap a call with one value."""

    async def stream(call, proceed):
        async for item in proceed(call):
            yield item

    with (
        Session(Around(None, "streams", stream=stream)),
        pytest.raises(UnsupportedTask, match="'streams' cannot wrap"),
    ):
        double(1)


@pytest.mark.parametrize(
    "wrong", [3, "layer", object(), [Layer("x", 1), 3]], ids=["int", "str", "object", "list"]
)
def test_bind_may_not_return_anything_else(wrong: object) -> None:
    """What is no layer, scope or observer is refused with plugin and task."""

    class Wrong:
        name = "wrong"

        @hookimpl
        def bind(self) -> object:
            return wrong

    with Session(Wrong()), pytest.raises(BindError) as caught:
        double(1)
    assert (caught.value.plugin, caught.value.task) == ("wrong", "double")


def test_an_observer_may_be_bound_to_one_task() -> None:
    """An object with hook implementations, returned from bind, is told of that task's calls alone."""
    told = []

    class OfDouble:
        @hookimpl
        def after_execute(self, call) -> None:
            told.append(call.task.name)

    class Binding:
        name = "binding"

        @hookimpl
        def bind(self, task) -> object:
            return OfDouble() if task.name == "double" else None

    with Session(Binding()) as session:
        double(1)
        value_of(adouble, 1)
        assert session.explain(double).observers == {"after_execute": ("binding",)}
        assert session.explain(adouble).observers == {}
    assert told == ["double"]


def test_a_bound_observer_with_a_misspelt_hook_is_refused() -> None:
    """What would never be called is said at bind."""

    class Misspelt:
        @hookimpl
        def after_exekute(self, call) -> None: ...

    class Binding:
        name = "binding"

        @hookimpl
        def bind(self) -> object:
            return Misspelt()

    with Session(Binding()), pytest.raises(BindError, match="after_exekute"):
        double(1)


def test_bind_is_asked_once_per_task_and_session() -> None:
    """A plan is resolved once, and again only when the session's plugins change."""
    asked = []

    class Asking:
        name = "asking"

        @hookimpl
        def bind(self, session, task) -> None:
            asked.append(task.name)

    with Session(Asking()) as session:
        for _ in range(3):
            double(1)
        assert asked == ["double"]
        session.register(Recorder())
        double(1)
        double(1)
        assert asked == ["double", "double"]
        session.unregister("recorder")
        double(1)
        assert asked == ["double"] * 3


@both
def test_arguments_that_do_not_fit_use_up_no_attempt(probe) -> None:
    """A missing argument is a TypeError naming the function, before any layer or attempt."""
    asked = []

    async def watch(call, proceed):
        asked.append(call)
        return await proceed(call)

    recorder = Recorder()
    with Session(Around(watch), recorder):
        result = probe.run()
    assert isinstance(result.error, TypeError)
    assert "double() missing a required argument: 'x'" in str(result.error)
    assert (asked, result.attempts, recorder.of("before_attempt")) == ([], 0, [])
    assert recorder.unbalanced() == []


@both
def test_a_layer_may_provide_a_parameter(probe) -> None:
    """A parameter that a layer fills in may be missing from the call."""

    async def give(call, proceed):
        return await proceed(call.with_args(*call.args, x=21))

    with Session(Around(give, provides=("x",))):
        assert value_of(probe) == 42


@both
def test_a_layer_may_preset_the_attempt(probe) -> None:
    """A resumed call goes on counting where it stopped."""

    async def resume(call, proceed):
        call.attempt = 4
        return await proceed(call)

    recorder = Recorder()
    with Session(Around(resume, order=Order.JOURNAL), recorder):
        assert probe.run(1).attempts == 5
    assert recorder.of("before_attempt")[0].details["attempt"] == 5


@pytest.mark.parametrize("way", ["acall", "arun", "submit", "start", "group submit", "group acall"])
def test_layers_are_told_of_a_call_where_it_is_made(way) -> None:
    """In the order of the calls, however they are run then, and in the thread that makes them."""
    told = []

    class Telling:
        name = "telling"

        @hookimpl
        def bind(self, session, task):
            async def run(call, proceed):
                return await proceed(call)

            def made(call):
                told.append((call.args[0], threading.get_ident()))

            return Layer("telling", Order.CACHE, run=run, made=made)

    @task
    def work(x):
        return x

    async def main():
        if way in ("acall", "arun"):
            each = work.acall if way == "acall" else work.arun
            return await asyncio.gather(*map(each, range(5)))
        with_group = open_group("graph", "g")
        async with with_group as group:
            if way == "start":
                return await asyncio.gather(*(group.start(work, x) for x in range(5)))
            return await asyncio.gather(*(group.acall(work, x) for x in range(5)))

    with Session(Telling()):
        if way == "submit":
            [each.result() for each in [work.submit(x) for x in range(5)]]
        elif way == "group submit":
            with open_group("graph", "g") as group:
                [each.result() for each in [group.submit(work, x) for x in range(5)]]
        else:
            asyncio.run(main())
    assert told == [(x, threading.get_ident()) for x in range(5)]
