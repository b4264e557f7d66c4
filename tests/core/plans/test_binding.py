"""What plugins may return from `bind`, and what is refused."""

from __future__ import annotations

import functools

import pytest
from made_plugins import as_hook, bound, coroutine, named
from session_plugins import function

from pegboard import BindError, Layer, Scope, Session, hookimpl, task
from pegboard.testing import Recorder


async def _run(call, proceed):
    return await proceed(call)


def _plain(call, proceed):
    return proceed(call)


async def _stream(call, proceed):
    async for item in proceed(call):
        yield item


class Observing:
    """An object of bound observers."""

    def __init__(self, told: list[str]) -> None:
        self.before_execute = hookimpl(lambda call: told.append(call.task.name))


def test_bind_may_return_several_parts() -> None:
    """A layer, a scope, an object of observers, a list or tuple of these, or None."""
    told: list[str] = []
    scope = Scope("scope", lambda call: None, lambda call, token: None)
    with Session(bound((Layer("layer", 1, _run), scope, Observing(told)))) as session:
        function()
        explained = session.explain(function)
    assert (explained.layers, explained.scopes) == (((1, "layer"),), ("scope",))
    assert explained.observers == {"before_execute": ("binding",)}
    assert told == ["function"]


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (3, "returned a int from bind"),
        (Layer, "returned a type from bind"),
        ("layer", "returned a str from bind"),
        (object(), "Return a Layer, a Scope"),
    ],
    ids=["number", "class", "text", "object"],
)
def test_what_is_no_part_is_refused(part: object, words: str) -> None:
    """The error names plugin and task, and the function does not run."""
    with Session(bound(part)), pytest.raises(BindError) as caught:
        function()
    assert words in str(caught.value)
    assert (caught.value.plugin, caught.value.task) == ("binding", "function")


@pytest.mark.parametrize(
    ("side", "words"),
    [
        ({"run": _plain}, "`run` is written `async def run(call, proceed)`, without yield"),
        ({"run": _stream}, "`run` is written"),
        ({"run": 3}, "`run` is written"),
        ({"stream": _run}, "`stream` is written `async def stream(call, proceed)`, with yield"),
        ({"stream": _plain}, "`stream` is written"),
        ({"order": "RETRY"}, "'order' must be <class 'int'>"),
    ],
    ids=["plain run", "yielding run", "number", "run as stream", "plain stream", "order"],
)
def test_a_layer_of_another_form_is_refused(side: dict[str, object], words: str) -> None:
    """A forgotten `async` or `yield` is an error where the task is bound, naming layer, plugin and task."""

    @hookimpl
    def bind(self) -> Layer:
        return Layer(**{"name": "layer", "order": 1, **side})

    with Session(named("wrong", bind)), pytest.raises(BindError) as caught:
        function()
    assert words in str(caught.value)
    assert (caught.value.plugin, caught.value.task) == ("wrong", "function")


def test_a_layer_may_be_an_object_or_a_partial() -> None:
    """Whatever is a coroutine function when it is called."""

    class Running:
        async def __call__(self, call, proceed):
            return await proceed(call) + 1

    async def adding(amount, call, proceed):
        return await proceed(call) + amount

    layers = [Layer("object", 1, Running()), Layer("partial", 2, functools.partial(adding, 10))]
    with Session(bound(layers)):
        assert function(1) == 12


@pytest.mark.parametrize(
    ("hook", "observer", "words"),
    [
        ("before_exceute", lambda self, call: None, "bound 'before_exceute' to task 'function'"),
        ("before_group", lambda self, group: None, "which is no event of a call"),
        ("session_start", lambda self, session: None, "which is no event of a call"),
        ("before_execute", coroutine, "is not a plain function"),
        ("after_execute", lambda self, call, extra: None, "may ask for any of: call, outcome."),
    ],
    ids=["misspelt", "group", "lifecycle", "coroutine", "argument"],
)
def test_a_bad_bound_observer_is_refused(hook: str, observer, words: str) -> None:
    """What could never be told is an error, as it is for session-wide observers."""
    observing = type("Observing", (), {hook: as_hook(observer, hook)})()
    with Session(bound(observing)), pytest.raises(BindError) as caught:
        function()
    assert words in str(caught.value)
    assert (caught.value.plugin, caught.value.task) == ("binding", "function")


def test_a_failing_bind_names_plugin_and_task() -> None:
    """Its error is the cause, and the body did not run."""
    ran: list[int] = []

    @hookimpl
    def bind(self) -> None:
        raise ValueError("no")

    with (
        Session(named("failing", bind)),
        pytest.raises(BindError, match="'failing' failed to bind") as caught,
    ):
        task(lambda: ran.append(1))()
    assert isinstance(caught.value.__cause__, ValueError)
    assert (caught.value.plugin, caught.value.task) == ("failing", "<lambda>")
    assert ran == []


def test_bind_is_asked_once_per_session_and_task() -> None:
    """Again only when plugins changed."""
    asked: list[str] = []

    @hookimpl
    def bind(self, task) -> None:
        asked.append(task.name)

    with Session(named("asking", bind)) as session:
        function()
        function()
        assert asked == ["function"]
        session.register(Recorder())
        function()
        assert asked == ["function", "function"]
