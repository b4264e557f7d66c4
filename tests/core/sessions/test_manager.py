"""Attaching: what is refused, that nothing stays half registered, own specs, and the order of observers."""

from __future__ import annotations

import functools
from collections.abc import Callable

import attrs
import pluggy
import pytest

from pegboard import (
    BindError,
    InvalidPlugin,
    Layer,
    PluginConflict,
    Scope,
    Session,
    UnknownEvent,
    current_call,
    hookimpl,
    hookspec,
    task,
)
from pegboard.hookspecs import PROJECT
from pegboard.testing import Recorder


@task
def function(x: int = 0) -> int:
    return x


@task
def emitting(*args: object, event: str = "on_step") -> None:
    current_call().emit(event, *args)


class Steps:
    """Specs of a plugin's own."""

    @hookspec
    def on_step(self, call, size: int, label: str) -> None:
        """Told by `call.emit`."""

    @hookspec
    def span_processors(self, session) -> None:
        """No event: its first argument is no call."""


class Stepping:
    """Brings specs."""

    name = "stepping"
    hookspecs = Steps


class Watching:
    """Watches an event of another plugin."""

    name = "watching"

    def __init__(self) -> None:
        self.seen: list[object] = []

    @hookimpl
    def on_step(self, label: str, call) -> None:
        self.seen.append((label, call.task.name))


def named(name: str, *hooks: Callable[..., object], **attributes: object):
    """Make a plugin with these hook implementations."""
    methods = {hook.__name__: hook for hook in hooks}
    return type("Plugin", (), {"name": name, **methods, **attributes})()


# Refusals --------------------------------------------------------------------------------------------------------


@hookimpl
def before_exceute(self) -> None: ...


async def _coroutine(self, call) -> None: ...


async def _async_generator(self, call):
    yield


def _generator(self, call):
    yield


def as_hook(function, hook: str, **marks: bool):
    """Copy a function under the name of a hook, marked."""
    made = type(function)(function.__code__, function.__globals__, hook)
    return hookimpl(**marks)(made)


@hookimpl
def after_execute(self, call, outcome, extra) -> None: ...


@hookimpl
def bind(self, session, tsak) -> None: ...


def unmarked(self, call) -> None: ...


unmarked.__name__ = "before_execute"

BAD = {
    "misspelt": (before_exceute, "before_exceute", "Did you mean 'before_execute'?"),
    "coroutine": (as_hook(_coroutine, "after_execute"), "after_execute", "write `def after_execute(...)`"),
    "async generator": (as_hook(_async_generator, "on_error"), "on_error", "is not a plain function"),
    "generator": (as_hook(_generator, "before_execute"), "before_execute", "its body would never run"),
    "coroutine start": (as_hook(_coroutine, "session_start"), "session_start", "is not a plain function"),
    "coroutine bind": (as_hook(_coroutine, "bind"), "bind", "is not a plain function"),
    "group": (as_hook(_coroutine, "before_group"), "before_group", "is not a plain function"),
    "wrapper": (as_hook(_generator, "before_execute", wrapper=True), "before_execute", "is a wrapper"),
    "old wrapper": (as_hook(_generator, "on_error", hookwrapper=True), "on_error", "return a Layer"),
    "wrapper of bind": (as_hook(_generator, "bind", wrapper=True), "bind", "is a wrapper"),
    "unknown argument": (after_execute, "", "extra"),
    "misspelt argument": (bind, "", "tsak"),
    "unmarked": (unmarked, "before_execute", "without @hookimpl"),
}
each_bad = pytest.mark.parametrize(("hook", "at", "words"), BAD.values(), ids=BAD)


@each_bad
def test_a_bad_hook_is_refused_with_what_to_write_instead(hook, at: str, words: str) -> None:
    """The error names plugin and hook."""
    with pytest.raises(InvalidPlugin) as caught:
        Session(named("bad", hook))
    assert "'bad'" in str(caught.value)
    assert words in str(caught.value)
    assert (caught.value.plugin, caught.value.hook) == ("bad", at)


@each_bad
def test_nothing_of_a_refused_plugin_stays(hook, at: str, words: str) -> None:
    """Neither its good hooks nor its specs, and the session works on."""
    told: list[int] = []

    @hookimpl
    def before_attempt(self) -> None:
        told.append(1)

    with Session(Recorder()) as session:
        function()
        before = session.explain(function)
        with pytest.raises(InvalidPlugin):
            session.register(named("bad", before_attempt, hook, hookspecs=Steps))
        assert session.explain(function) == before
        assert list(session.plugins) == ["recorder"]
        assert "on_step" not in session.events
        assert function(5) == 5
        with pytest.raises(UnknownEvent):
            emitting()
        assert session.register(Stepping()) == "stepping"
    assert told == []


def test_a_refused_plugin_can_be_mended_and_attached() -> None:
    """Its name is free again."""
    with Session() as session:
        with pytest.raises(InvalidPlugin):
            session.register(named("plugin", before_exceute))
        mended = Recorder("plugin")
        session.register(mended)
        function()
    assert len(mended.of("after_execute")) == 1


def test_a_class_is_refused() -> None:
    """A session takes instances, and the error writes one."""
    with pytest.raises(InvalidPlugin, match=r"Recorder is a class, .*: Session\(Recorder\(\), \.\.\.\)"):
        Session().register(Recorder)


def test_several_misspelt_hooks_list_what_is_known() -> None:
    """The message lists every hook there is."""
    with pytest.raises(
        InvalidPlugin, match="Known: after_attempt, after_execute, after_group, before_attempt"
    ):
        Session(named("bad", before_exceute))


def test_a_conflict_leaves_the_first_in_place() -> None:
    """A second plugin of one name changes nothing."""
    first = Recorder()
    with Session(first) as session:
        with pytest.raises(PluginConflict):
            session.register(Recorder())
        function()
    assert len(first.of("after_execute")) == 1


# Manners ---------------------------------------------------------------------------------------------------------


def test_reading_a_plugin_evaluates_no_property() -> None:
    """Properties run code, and attaching a plugin must not."""
    evaluated: list[str] = []

    class Lazy:
        name = "lazy"

        @property
        def first(self) -> None:
            evaluated.append("property")

        @functools.cached_property
        def second(self) -> None:
            evaluated.append("cached property")

        @hookimpl
        def before_execute(self) -> None: ...

    Session(Lazy())
    assert evaluated == []


def test_slots_and_attrs_plugins_can_be_attached() -> None:
    """A plugin may be any object, also one that cannot be hashed or has an empty slot."""

    class Slotted:
        __slots__ = ("server",)
        name = "slotted"

        @hookimpl
        def before_execute(self) -> None: ...

    @attrs.define
    class Unhashable:
        items: list[int] = attrs.field(factory=list)
        name = "unhashable"

        @hookimpl
        def before_execute(self) -> None:
            self.items.append(1)

    plugin = Unhashable()
    with Session(Slotted(), plugin) as session:
        function()
        session.unregister(plugin)
        function()
    assert plugin.items == [1]


def test_hooks_may_be_attributes_static_and_class_methods() -> None:
    """Whatever is marked and callable is an implementation."""
    told: list[str] = []

    class Mixed:
        name = "mixed"

        def __init__(self) -> None:
            self.before_execute = hookimpl(lambda call: told.append("attribute"))

        @staticmethod
        @hookimpl
        def before_attempt() -> None:
            told.append("static")

        @classmethod
        @hookimpl
        def after_attempt(cls) -> None:
            told.append(f"class {cls.__name__}")

        @hookimpl(specname="after_execute")
        def renamed(self, outcome) -> None:
            told.append(outcome.status)

    with Session(Mixed(), strict=True):
        function()
    assert told == ["attribute", "static", "class Mixed", "ok"]


def test_a_module_can_be_a_plugin(standins, site) -> None:
    """As in pytest, a module with marked functions is a plugin."""
    source = "from pegboard import hookimpl\ntold = []\n@hookimpl\ndef before_execute(call): told.append(call.name)\n"
    site.install("modules", {}, {"a_module": source})
    import a_module

    with Session(a_module) as session:
        function()
        assert list(session.plugins) == ["a_module"]
    assert a_module.told == ["function"]


def test_an_implementation_names_only_the_arguments_it_wants() -> None:
    """In any order, or none at all."""
    told: list[object] = []

    @hookimpl
    def after_attempt(self, error, attempt) -> None:
        told.append((error, attempt))

    @hookimpl
    def after_execute(self) -> None:
        told.append("after")

    with Session(named("some", after_attempt, after_execute), strict=True):
        function()
    assert told == [(None, 1), "after"]


def test_an_argument_with_a_default_is_not_filled_in() -> None:
    """Pluggy's rule: what has a default is the plugin's own."""
    told: list[object] = []

    @hookimpl
    def after_execute(self, call, outcome="mine") -> None:
        told.append(outcome)

    with Session(named("some", after_execute), strict=True):
        function()
    assert told == ["mine"]


# Specs of one's own ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["owner first", "watcher optional and first"])
def test_a_plugin_may_bring_events_of_its_own(order: str) -> None:
    """`call.emit` tells whoever implements it, with the arguments asked for."""
    watching = Watching()
    plugins = [Stepping(), watching]
    if order != "owner first":
        watching = Optional()
        plugins = [watching, Stepping()]
    with Session(*plugins, strict=True) as session:
        emitting(3, "a")
        assert session.events["on_step"] == ("call", "size", "label")
    assert watching.seen == [("a", "emitting")]


class Optional(Watching):
    """Watches an event that may or may not exist."""

    name = "optional"

    @hookimpl(optionalhook=True)
    def on_step(self, label: str, call) -> None:
        self.seen.append((label, call.task.name))


def test_an_optional_hook_needs_no_spec() -> None:
    """Without the plugin that brings it, nothing happens."""
    with Session(Optional()):
        function()
        with pytest.raises(UnknownEvent):
            emitting(1, "a")


def test_an_optional_hook_is_checked_all_the_same() -> None:
    """An `async def` is refused at once, although its spec may come later."""

    @hookimpl(optionalhook=True)
    async def on_step(self, call) -> None: ...

    with pytest.raises(InvalidPlugin, match="on_step is not a plain function"):
        Session(named("optional", on_step))


def test_a_hook_of_an_absent_plugin_is_refused() -> None:
    """An implementation that is not optional needs its spec."""
    with pytest.raises(InvalidPlugin, match="implements 'on_step', and there is no such hook"):
        Session(Watching())


def test_an_own_event_is_emitted_with_keywords_too() -> None:
    """Arguments may be given by name."""
    watching = Watching()

    @task
    def by_name() -> None:
        current_call().emit("on_step", label="a", size=1)

    with Session(Stepping(), watching, strict=True):
        by_name()
    assert watching.seen == [("a", "by_name")]


def test_a_failing_observer_of_an_own_event_is_isolated() -> None:
    """Isolation does not depend on whose spec it is."""

    @hookimpl
    def on_step(self) -> None:
        raise ValueError("no")

    watching = Watching()
    with Session(Stepping(), watching, named("failing", on_step)) as session:
        emitting(1, "a")
        assert session.observer_errors == {("failing", "on_step"): 1}
    assert watching.seen == [("a", "emitting")]


def test_a_hook_that_is_no_event_cannot_be_emitted() -> None:
    """Lifecycle hooks and specs about other things are not for `call.emit`."""
    with Session(Stepping()) as session:
        assert "span_processors" not in session.events
        for event in ("session_start", "bind", "span_processors"):
            with pytest.raises(UnknownEvent):
                emitting(event=event)


def test_two_owners_of_one_spec_are_refused() -> None:
    """A spec belongs to one plugin, and the core's to the core."""

    class Others:
        @hookspec
        def on_step(self, call) -> None:
            """Other."""

    class Cores:
        @hookspec
        def before_execute(self, call) -> None:
            """Other."""

    for specs, hook in ((Others, "on_step"), (Cores, "before_execute")):
        with Session(Stepping()) as session, pytest.raises(InvalidPlugin, match="exist already") as caught:
            session.register(named("second", hookspecs=specs))
        assert caught.value.hook == hook


def test_specs_without_a_mark_are_refused() -> None:
    """A forgotten @hookspec is a mistake."""

    class Unmarked:
        def on_step(self, call) -> None: ...

    with pytest.raises(InvalidPlugin, match="nothing in it is marked with @hookspec"):
        Session(named("bad", hookspecs=Unmarked))


def test_an_event_of_ones_own_is_gone_with_its_session() -> None:
    """Specs are scoped to the session."""
    with Session(Stepping()), Session() as inner:
        assert "on_step" in inner.events
    with Session() as other:
        assert "on_step" not in other.events


# Binding ---------------------------------------------------------------------------------------------------------


def bound(parts: object):
    """Attach a plugin that answers `bind` with these parts."""

    @hookimpl
    def bind(self) -> object:
        return parts

    return named("binding", bind)


async def _run(call, proceed):
    return await proceed(call)


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


def _plain(call, proceed):
    return proceed(call)


async def _stream(call, proceed):
    async for item in proceed(call):
        yield item


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
        ("before_execute", _coroutine, "is not a plain function"),
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


# Order -----------------------------------------------------------------------------------------------------------


def logging_plugin(name: str, log: list[str], **marks: bool):
    """Make a plugin that logs its name before a call."""

    @hookimpl(**marks)
    def before_execute(self) -> None:
        log.append(name)

    return named(name, before_execute)


def test_the_last_attached_is_told_first() -> None:
    """Pluggy's order, over nested sessions too."""
    log: list[str] = []
    a, b, c = (logging_plugin(name, log) for name in "abc")
    with Session(a, b), Session(c) as inner:
        function()
        assert inner.explain(function).observers["before_execute"] == ("c", "b", "a")
    assert log == ["c", "b", "a"]


def test_tryfirst_and_trylast_count() -> None:
    """As in pluggy: first those with `tryfirst`, last those with `trylast`."""
    log: list[str] = []
    plugins = [
        logging_plugin("first", log, tryfirst=True),
        logging_plugin("a", log),
        logging_plugin("last", log, trylast=True),
        logging_plugin("b", log),
    ]
    with Session(*plugins) as session:
        function()
        own = [found.plugin_name for found in reversed(session.pm.hook.before_execute.get_hookimpls())]
    assert log == own == ["first", "b", "a", "last"]


def test_the_order_is_stable() -> None:
    """However often plans are rebuilt."""
    log: list[str] = []
    with Session(*(logging_plugin(name, log) for name in "abc")) as session:
        for _ in range(3):
            function()
            session.register(Recorder())
            session.unregister("recorder")
    assert log == ["c", "b", "a"] * 3


def test_observers_bound_to_a_task_are_told_after_the_others() -> None:
    """Session-wide observers first, then those bound to this one task."""
    log: list[str] = []
    observing = type("O", (), {"before_execute": staticmethod(hookimpl(lambda call: log.append("bound")))})()
    with Session(bound(observing), logging_plugin("wide", log)):
        function()
    assert log == ["wide", "bound"]


# pluggy ----------------------------------------------------------------------------------------------------------


def test_the_manager_is_pluggys() -> None:
    """`session.pm` is a pluggy manager for pluggy's own tools."""
    recorder = Recorder()
    with Session(recorder) as session:
        assert isinstance(session.pm, pluggy.PluginManager)
        assert session.pm.project_name == PROJECT
        assert session.pm.get_plugin("recorder") is recorder
        session.pm.check_pending()


def test_a_plugin_unregistered_through_pluggy_is_told_no_more() -> None:
    """Plans notice a change made with pluggy's own methods, too."""
    recorder = Recorder()
    with Session(recorder) as session:
        function()
        session.pm.unregister(recorder)
        function()
    assert len(recorder.of("after_execute")) == 1
