"""Registering: what is refused, that nothing stays half registered, and whatever may be a plugin."""

from __future__ import annotations

import functools

import attrs
import pluggy
import pytest
from made_plugins import Stepping, Steps, as_hook, async_generator, coroutine, emitting, generator, named
from session_plugins import function

from pegboard import InvalidPlugin, PluginConflict, Session, UnknownEvent, hookimpl
from pegboard.hookspecs import PROJECT
from pegboard.testing import Recorder


@hookimpl
def before_exceute(self) -> None: ...


@hookimpl
def after_execute(self, call, outcome, extra) -> None: ...


@hookimpl
def bind(self, session, tsak) -> None: ...


def unmarked(self, call) -> None: ...


unmarked.__name__ = "before_execute"


BAD = {
    "misspelt": (before_exceute, "before_exceute", "Did you mean 'before_execute'?"),
    "coroutine": (as_hook(coroutine, "after_execute"), "after_execute", "write `def after_execute(...)`"),
    "async generator": (as_hook(async_generator, "on_error"), "on_error", "is not a plain function"),
    "generator": (as_hook(generator, "before_execute"), "before_execute", "its body would never run"),
    "coroutine start": (as_hook(coroutine, "session_start"), "session_start", "is not a plain function"),
    "coroutine bind": (as_hook(coroutine, "bind"), "bind", "is not a plain function"),
    "group": (as_hook(coroutine, "before_group"), "before_group", "is not a plain function"),
    "wrapper": (as_hook(generator, "before_execute", wrapper=True), "before_execute", "is a wrapper"),
    "old wrapper": (as_hook(generator, "on_error", hookwrapper=True), "on_error", "return a Layer"),
    "wrapper of bind": (as_hook(generator, "bind", wrapper=True), "bind", "is a wrapper"),
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
