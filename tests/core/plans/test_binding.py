"""What plugins may return from `bind`, and what is refused."""

from __future__ import annotations

import functools

import attrs
import pytest
from made_plugins import as_hook, bound, coroutine, named
from session_plugins import function

from pegboard import BindError, Layer, MissingPlugin, Option, Scope, Session, hookimpl, task
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
        (3, "returned an int from bind"),
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
        ({"order": "RETRY"}, "Layer: order is a whole number, not 'RETRY'"),
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


class _Verifying:
    name = "verifying"

    def __init__(self, verify, provides=()):
        self._made = Layer("verifying", 1, run=coroutine, verify=verify)
        self._other = Layer("providing", 2, run=coroutine, provides=provides)

    @hookimpl
    def bind(self, session, task):
        return [self._made, self._other]


def test_a_layer_may_verify_the_task_once_all_are_known() -> None:
    """It is told once what the layers fill in, also those that are further in."""
    seen = []

    @task
    def probe(key=None):
        return 1

    with Session(_Verifying(seen.append, ("key",))) as session:
        session.plan_for(probe)
        session.plan_for(probe)
    assert seen == [frozenset({"key"})]


def test_what_it_raises_refuses_the_task() -> None:
    """As an error of `bind` does."""

    def refuse(provided):
        raise ValueError("not this one")

    ran = []
    with Session(_Verifying(refuse)), pytest.raises(BindError, match="not this one") as caught:
        task(lambda: ran.append(1))()
    assert (caught.value.plugin, ran) == ("verifying", [])


class _Needing:
    name = "needing"

    def __init__(self, url):
        self.url = url

    @hookimpl
    def after_execute(self):
        pass


class _Failing(_Needing):
    def __init__(self):
        raise OSError("no such server")


def _option(plugin):
    @attrs.frozen
    class Notify(Option):
        plugin_name = "needing"

        @classmethod
        def plugin(cls):
            return plugin()

    return Notify()


@pytest.mark.parametrize(
    ("plugin", "says"),
    [
        (_Needing, "missing 1 required positional argument: 'url'"),
        (lambda: _Needing, "missing 1 required positional argument: 'url'"),
        (lambda: _Failing, "OSError: no such server"),
        (lambda: 1 / 0, "ZeroDivisionError"),
    ],
    ids=[
        "an instance that needs settings",
        "a class that needs them",
        "a class that fails",
        "plugin() fails",
    ],
)
@pytest.mark.parametrize("is_default", [False, True], ids=["own", "default of the session"])
def test_an_option_whose_plugin_cannot_be_made_says_so(plugin, says, is_default) -> None:
    """With the task, the option and the way out, and the error itself as the cause."""
    option, ran = _option(plugin), []
    probe = task(*([] if is_default else [option]), name="probe")(lambda: ran.append(1))
    with (
        Session(defaults=[option] if is_default else []),
        pytest.raises(MissingPlugin, match="Session") as caught,
    ):
        probe()
    assert "task 'probe' asks for Notify" in str(caught.value)
    assert says in str(caught.value)
    assert caught.value.__cause__ is not None
    assert ran == []
