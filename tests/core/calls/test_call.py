"""Calls: what `current_call()` tells, and that calls made by observers end."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import re
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pegboard import (
    Layer,
    Order,
    Scope,
    Session,
    UnknownEvent,
    current_call,
    current_session,
    hookimpl,
    hookspec,
    task,
)
from pegboard.testing import Recorder


@task
def function(x: int = 0, *rest: int, key: int = 1, **more: int):
    return current_call()


@task
async def coroutine(x: int = 0, *rest: int, key: int = 1, **more: int):
    await asyncio.sleep(0)
    return current_call()


@task
def generator(x: int = 0, *rest: int, key: int = 1, **more: int):
    yield current_call()


@task
async def async_generator(x: int = 0, *rest: int, key: int = 1, **more: int):
    yield current_call()


TASKS = {each.name: each for each in (function, coroutine, generator, async_generator)}
each_task = pytest.mark.parametrize("made", TASKS.values(), ids=TASKS)
watched = pytest.mark.parametrize("plugins", [[], [Recorder]], ids=["nothing attached", "watched"])


def call_of(made, *args: object, **kwargs: object):
    """Call a task and return its call."""
    value = made.run(*args, **kwargs).unwrap()
    return value[0] if isinstance(value, list) else value


# What a call tells -----------------------------------------------------------------------------------------------


@each_task
@watched
def test_inside_a_session_there_is_always_a_call(made, plugins) -> None:
    """Even with nothing attached, the body knows its call."""
    with Session(*(make() for make in plugins)) as session:
        call = call_of(made)
    assert (call.task, call.session, call.attempt) == (made, session, 1)
    assert (call.parent, call.parent_id, call.group, call.map_index) == (None, None, None, None)
    assert (call.name, call.executor, call.source) == (made.name, "inline", "run")
    assert (call.trace_id, call.span_id, call.sampled) == (None, None, None)
    assert call.in_hook is False
    assert call.is_async is made.name.startswith(("coroutine", "async"))


def test_outside_any_session_there_is_none() -> None:
    """Without a session, options and configuration a task is the function itself."""
    assert function() is None
    assert current_session() is None


@each_task
@watched
def test_every_call_has_an_id_of_its_own(made, plugins) -> None:
    """Ids are new for every call and safe to show anywhere."""
    with Session(*(make() for make in plugins)):
        ids = [call_of(made).id for _ in range(20)]
    assert len(set(ids)) == 20
    assert all(re.fullmatch(r"[0-9a-f-]{1,40}", each) for each in ids)


@each_task
@watched
def test_the_parent_is_the_call_around(made, plugins) -> None:
    """A task called inside another has it as its parent, whatever the kind."""

    @task
    def outer():
        return current_call(), call_of(made)

    with Session(*(make() for make in plugins)):
        around, inside = outer()
    assert inside.parent is around
    assert inside.parent_id == around.id


def test_inputs_bind_lazily_with_defaults() -> None:
    """`inputs` names every parameter, and is made once, when first asked for."""
    with Session():
        call = function(5, 6, 7, key=2, other=3)
    assert call._inputs is None
    assert dict(call.inputs) == {"x": 5, "rest": (6, 7), "key": 2, "more": {"other": 3}}
    assert call.inputs is call.inputs
    with Session():
        assert dict(function().inputs) == {"x": 0, "rest": (), "key": 1, "more": {}}


def test_inputs_cannot_be_changed() -> None:
    """Observers cannot change what the function gets."""
    with Session():
        call = function(5)
    with pytest.raises(TypeError):
        call.inputs["x"] = 6


def test_wrong_arguments_have_no_inputs() -> None:
    """For arguments that do not fit, `inputs` is a TypeError, and the events are told all the same."""

    @task
    def strict(x: int) -> None: ...

    recorder = Recorder()
    with Session(recorder), pytest.raises(TypeError):
        strict(1, 2)
    call = recorder.events[0].subject
    with pytest.raises(TypeError):
        call.inputs  # noqa: B018 - the property raises
    assert recorder.unbalanced() == []


def test_what_a_layer_fills_in_is_no_input() -> None:
    """A parameter that a layer provides is neither asked of the caller nor among the inputs."""

    class Providing:
        name = "providing"

        @hookimpl
        def bind(self) -> Layer:
            async def run(call, proceed):
                return await proceed(call.with_args(*call.args, **{**call.kwargs, "secret": "canary"}))

            return Layer("providing", Order.INJECT, run, provides=("secret",))

    @task(name="needs_{x}")
    def needs(x: int, secret: str) -> str:
        return secret

    recorder = Recorder()
    with Session(Providing(), recorder):
        assert needs(1) == "canary"
        assert needs(1, secret="mine") == "canary"
        with pytest.raises(TypeError, match="missing a required argument: 'x'"):
            needs()
    for event in recorder.of("after_execute")[:2]:
        assert dict(event.subject.inputs) == {"x": 1}
        assert event.subject.name == "needs_1"


def test_a_repr_shows_no_value() -> None:
    """A call's repr tells task and id."""
    with Session():
        call = function(12345678)
    assert repr(call) == f"<Call function {call.id}>"


def test_state_is_a_plugins_own_storage() -> None:
    """What is stored under a plugin's key in one hook is there in the next, and in no other call."""

    class Storing:
        name = "storing"
        seen: list[object]

        def __init__(self) -> None:
            self.seen = []

        @hookimpl
        def before_execute(self, call) -> None:
            self.seen.append(call.state.get(Storing))
            call.state[Storing] = call.id

        @hookimpl
        def after_execute(self, call) -> None:
            assert call.state[Storing] == call.id

    storing = Storing()
    with Session(storing, strict=True):
        function()
        function()
    assert storing.seen == [None, None]


@each_task
def test_a_watched_call_knows_its_start_and_outcome(made) -> None:
    """`started_at` is wall-clock time in UTC, and the outcome is there once the call is over."""
    before = time.time()
    with Session(Recorder()):
        call = call_of(made)
    assert before - 1 <= call.started_at <= time.time()
    assert (call.outcome.status, call.outcome.attempts) == ("ok", 1)


def test_a_call_has_no_other_attributes() -> None:
    """A misspelt attribute is an AttributeError, and nothing can be hung on a call but its slots."""
    with Session():
        call = function()
    with pytest.raises(AttributeError, match="no attribute 'parnet'"):
        call.parnet  # noqa: B018 - the access raises
    with pytest.raises(AttributeError):
        call.mine = 1


def test_an_unknown_event_is_an_error_that_lists_the_known() -> None:
    """`emit` of what no spec describes is a mistake; of what nobody watches it costs nothing."""

    @task
    def emitting(event: str) -> None:
        current_call().emit(event, 1)

    with Session():
        emitting("on_cache_hit")
        with pytest.raises(UnknownEvent, match="emitted 'on_cach_hit'") as caught:
            emitting("on_cach_hit")
    assert caught.value.event == "on_cach_hit"
    assert "on_cache_hit" in str(caught.value)


# Observers that call tasks ---------------------------------------------------------------------------------------


class Steps:
    """The specs of an event of one's own."""

    @hookspec
    def on_step(self, call) -> None:
        """Told by `call.emit`."""


class Calling:
    """An observer of one hook that calls a task, and counts how often it was told."""

    name = "calling"
    hookspecs = Steps

    def __init__(self, hook: str, do: Callable[[], object]) -> None:
        self.told: list[tuple[str, bool]] = []

        def observe(call) -> None:
            self.told.append((call.task.name, call.in_hook))
            assert len(self.told) < 100, "it does not end"
            do()

        setattr(self, hook, hookimpl(observe))


HOOKS = ("before_execute", "before_attempt", "after_attempt", "after_execute", "on_iteration")


@task
def innermost() -> list[int]:
    return list(yielding())


@task
def yielding():
    yield 1


@task
def through_another() -> None:
    innermost()


WAYS = {
    "calls the same task": innermost,
    "calls a task that calls it": through_another,
    "maps": lambda: innermost_mapped.map([1, 2]),
    "runs": innermost.run,
    "submits": lambda: innermost.submit().result(10),
    "reads a stream": lambda: list(yielding()),
    "from a loop of its own": lambda: asyncio.run(innermost.acall()),
}


@task
def innermost_mapped(x: int) -> list[int]:
    return innermost()


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("hook", HOOKS)
def test_an_observer_that_calls_a_task_does_not_recurse_for_ever(hook: str, way) -> None:
    """Calls made by observers are told and marked; what their observers call in turn is not told."""
    calling = Calling(hook, way)
    with Session(calling, strict=True):
        assert innermost() == [1]
    marked = [in_hook for _, in_hook in calling.told]
    assert False in marked
    assert True in marked


def test_an_observer_that_emits_is_still_an_observer() -> None:
    """What it calls after `emit` is marked as made in a hook, too."""

    class Emitting(Calling):
        name = "emitting"

        @hookimpl
        def on_step(self, call) -> None: ...

    def emit_and_call() -> None:
        current_call().emit("on_step")
        innermost()

    calling = Emitting("after_execute", emit_and_call)
    with Session(calling, strict=True):
        assert innermost() == [1]
    assert len(calling.told) < 10


@pytest.mark.parametrize("moment", ["enter", "exit"])
def test_a_scope_that_calls_a_task_does_not_recurse_for_ever(moment: str) -> None:
    """What a scope calls is made in a hook as well."""
    told: list[bool] = []

    def call_a_task(call, token=None) -> None:
        told.append(call.in_hook)
        assert len(told) < 50
        through_another()

    class Scoped:
        name = "scoped"

        @hookimpl
        def bind(self) -> Scope:
            enter = call_a_task if moment == "enter" else lambda call: None
            leave = call_a_task if moment == "exit" else lambda call, token: None
            return Scope("scoped", enter, leave)

    recorder = Recorder()
    with Session(Scoped(), recorder, strict=True):
        assert innermost() == [1]
    assert False in told
    assert True in told
    assert recorder.unbalanced() == []


def test_calls_in_hooks_are_balanced() -> None:
    """Every call that was told has a beginning and an end, made in a hook or not."""
    recorder = Recorder()
    with Session(Calling("after_execute", through_another), recorder, strict=True):
        innermost()
    assert recorder.unbalanced() == []
    assert any(event.subject.in_hook for event in recorder.events)


def test_a_call_after_a_hook_is_not_marked() -> None:
    """Only calls made while an observer runs are in a hook."""
    calling = Calling("before_execute", lambda: None)
    with Session(calling):
        through_another()
    assert calling.told == [("through_another", False), ("innermost", False), ("yielding", False)]


def test_the_parent_of_a_call_in_a_hook_is_the_call_it_is_told_about() -> None:
    """It was made because of that call."""
    parents: list[object] = []

    class Watching:
        name = "watching"

        @hookimpl
        def after_execute(self, call) -> None:
            if not call.in_hook:
                parents.append((function().parent, call))

    with Session(Watching(), strict=True):
        innermost()
    assert parents
    assert all(parent is told for parent, told in parents)


# Nothing of a call is left behind --------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [None, ValueError, KeyboardInterrupt, SystemExit, asyncio.CancelledError])
@each_task
@watched
def test_after_any_ending_the_context_is_as_before(made, ending, plugins) -> None:
    """`current_call()` and all context variables are what they were."""

    @task
    def around() -> None:
        before = dict(contextvars.copy_context())
        try:
            inner = made.with_options() if ending is None else raising(made.kind, ending)
            call_of(inner)
        except BaseException as error:  # noqa: BLE001 - the one that was asked for
            assert type(error) is ending  # noqa: PT017 - one test for errors of all sorts
        assert dict(contextvars.copy_context()) == before

    with Session(*(make() for make in plugins)):
        around()
        assert current_call() is None


def raising(kind: str, error: type[BaseException]):
    """Make a task of a kind that raises."""

    def function():
        raise error

    async def coroutine():
        raise error

    def generator():
        yield 1
        raise error

    async def async_generator():
        yield 1
        raise error

    return task({each.__name__: each for each in (function, coroutine, generator, async_generator)}[kind])


STEPS = st.lists(
    st.tuples(st.sampled_from(["open", "next", "close", "drop", "call", "throw"]), st.integers(0, 3)),
    max_size=25,
)


@given(steps=STEPS, plugins=st.sampled_from([(), (Recorder,)]))
def test_suspended_streams_leave_their_consumer_alone(steps, plugins) -> None:
    """However streams are opened, stepped, closed, dropped and mixed with calls, each keeps its own call."""
    streams: dict[int, object] = {}
    recorders = [make() for make in plugins]

    @task
    def stream():
        own = current_call()
        while True:
            assert current_call() is own
            assert function().parent is own
            yield own

    with Session(*recorders):
        for action, index in steps:
            if action == "open":
                streams[index] = stream()
            elif action == "call":
                assert function().parent is None
            elif index in streams:
                take(action, streams, index)
            assert current_call() is None
        streams.clear()
        gc.collect()
    assert all(recorder.unbalanced() == [] for recorder in recorders)


def take(action: str, streams: dict[int, object], index: int) -> None:
    """Take one step with a stream."""
    if action == "next":
        assert next(streams[index]).parent is None
        return
    stream = streams.pop(index)
    if action == "close":
        stream.close()
    elif action == "throw":
        with pytest.raises(ValueError, match="thrown"):
            stream.throw(ValueError("thrown"))


def test_two_sessions_in_two_asyncio_tasks_do_not_mix() -> None:
    """Each asyncio task sees its own session, plugins and calls, however they take turns."""
    recorders = [Recorder(f"recorder{number}") for number in range(5)]

    @task
    async def turn(number: int) -> int:
        await asyncio.sleep(0)
        assert list(current_session().plugins) == [f"recorder{number}"]
        return number

    async def worker(number: int) -> None:
        async with Session(recorders[number]) as session:
            for _ in range(10):
                assert await turn(number) == number
                assert current_session() is session
                assert current_call() is None
        assert current_session() is None

    async def main() -> None:
        await asyncio.gather(*(worker(number) for number in range(5)))

    asyncio.run(main())
    assert [len(recorder.of("after_execute")) for recorder in recorders] == [10] * 5
