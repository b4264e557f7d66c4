"""Attaching plugins, also while the session is open, and finding them again by their class."""

from __future__ import annotations

import pytest
from session_plugins import Level, Levels, Living, function, living

from pegboard import (
    InvalidPlugin,
    MissingPlugin,
    PluginConflict,
    Session,
    SessionError,
    hookimpl,
    hookspec,
)
from pegboard.testing import FakeClock, Recorder


@pytest.mark.usefixtures("standins")
def test_plugins_are_attached_by_instance_and_by_name() -> None:
    """Names are those of installed plugins, which are made with their defaults."""
    with Session(Recorder(), "alpha") as session:
        assert list(session.plugins) == ["recorder", "alpha"]
        assert type(session.plugins["alpha"]).__name__ == "Alpha"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (Recorder, "Recorder is a class, and a session takes instances: Session(Recorder(), ...)."),
        (Level(1), "is an option, and goes on a task: @task(Level(...))"),
        (None, "None is no plugin"),
        (3, "3 is no plugin"),
        (print, "is no plugin"),
    ],
    ids=["class", "option", "None", "number", "function"],
)
def test_what_is_no_plugin_is_refused(given, words: str) -> None:
    """The error says what was given and what to write instead."""
    with pytest.raises(InvalidPlugin) as caught:
        Session(given)
    assert words in str(caught.value)
    assert isinstance(caught.value, TypeError)


def test_two_plugins_of_one_name_are_refused() -> None:
    """One name, one plugin; the error names both types."""
    with pytest.raises(PluginConflict, match="called 'recorder': a Recorder and a FakeClock") as caught:
        clock = FakeClock()
        clock.name = "recorder"
        Session(Recorder(), clock)
    assert (caught.value.plugin, caught.value.claimants) == ("recorder", ("Recorder", "FakeClock"))


def test_the_same_instance_twice_is_attached_once() -> None:
    """Attaching again what is attached changes nothing."""
    recorder = Recorder()
    with Session(recorder, recorder) as session:
        assert session.register(recorder) is None
        function()
    assert len(recorder.of("after_execute")) == 1


def test_registering_under_another_name_is_refused() -> None:
    """A plugin has one name."""
    with Session() as session, pytest.raises(InvalidPlugin, match="calls itself 'recorder'"):
        session.register(Recorder(), "other")


def test_a_plugin_registered_in_an_open_session_is_started() -> None:
    """And serves from the next call on."""
    log: list[str] = []
    recorder = Recorder()
    with Session() as session:
        function()
        assert session.register(recorder) == "recorder"
        assert session.register(living("a", log)[0]) == "a"
        assert log == ["start a"]
        function()
    assert len(recorder.of("after_execute")) == 1
    assert log == ["start a", "end a"]


def test_a_plugin_may_attach_another_when_it_starts() -> None:
    """It is started and ended like those that were there before."""
    log: list[str] = []

    class Attaching(Living):
        @hookimpl
        def session_start(self, session) -> None:
            self.log.append("start attaching")
            session.register(living("b", log)[0])

    session = Session(Attaching("attaching", log), *living("a", log))
    with session:
        assert list(session.plugins) == ["attaching", "a", "b"]
    assert log == ["start attaching", "start a", "start b", "end b", "end a", "end attaching"]


def test_a_plugin_that_cannot_start_is_not_attached() -> None:
    """Registering it in an open session raises its error and leaves nothing of it."""
    log: list[str] = []
    with Session() as session:
        with pytest.raises(ValueError, match="start of a"):
            session.register(living("a", log, a="start")[0])
        assert dict(session.plugins) == {}
        function()
    assert log == ["start a"]


def test_a_plugin_is_unregistered_by_instance_and_by_name() -> None:
    """Its end runs, and calls no longer reach it."""
    log: list[str] = []
    recorder, [a] = Recorder(), living("a", log)
    with Session(recorder, a) as session:
        function()
        assert session.unregister(recorder) is recorder
        assert session.unregister("a") is a
        assert log == ["start a", "end a"]
        function()
        assert dict(session.plugins) == {}
    assert len(recorder.of("after_execute")) == 1
    assert log == ["start a", "end a"]


def test_unregistering_what_is_not_attached_lists_what_is() -> None:
    """A wrong name is a clear error."""
    with (
        Session(Recorder()) as session,
        pytest.raises(SessionError, match=r"'x' is not attached. Attached: recorder"),
    ):
        session.unregister("x")


def test_a_plugin_is_found_by_its_class() -> None:
    """Also an inherited one, and one of a subclass."""

    class Special(Recorder):
        """A recorder with a difference."""

    with Session(Special()) as outer, Session() as inner:
        assert inner[Recorder] is inner[Special] is outer.plugins["recorder"]
        assert inner.get(Recorder) is outer[Recorder]


def test_of_several_plugins_of_a_class_the_one_with_its_name_is_found() -> None:
    """Two that both have other names are a conflict, which names them."""
    ours, other = Levels(), Levels()
    other.name = "other"
    third = Levels()
    third.name = "third"
    assert Session(other, ours)[Levels] is ours
    with pytest.raises(PluginConflict, match="other, third") as caught:
        Session(other, third)[Levels]
    assert caught.value.claimants == ("other", "third")


def test_a_class_of_which_no_plugin_is_attached_is_missing() -> None:
    """The error tells both ways to attach one; `get` gives None."""
    session = Session()
    with pytest.raises(
        MissingPlugin, match=r"Session\(Levels\(\.\.\.\), \.\.\.\), or call a task with Level\(\.\.\.\)"
    ) as caught:
        session[Levels]
    assert caught.value.plugin == "levels"
    assert session.get(Levels) is None
    with pytest.raises(TypeError, match="the class of a plugin"):
        session["levels"]


def test_a_plugin_found_by_class_is_not_remembered_for_too_long() -> None:
    """One that took its place is found."""
    with Session(Levels()) as session:
        first = session[Levels]
        session.unregister(first)
        assert session.get(Levels) is None
        second = Levels()
        session.register(second)
        assert session[Levels] is second


def test_a_plugin_has_a_storage_for_the_session_that_attached_it() -> None:
    """Inner sessions that inherit it share it; another session, and the next start, have a new one."""
    levels = Levels()
    outer, other = Session(levels), Session(levels)
    with outer, other:
        with Session(inherit=False):
            pass
        outer.state(levels)["seen"] = 1
        assert other.state(levels) == {}
    with outer, Session() as inner:
        assert inner.state(levels) == {}
        inner.state(levels)["seen"] = 2
        assert outer.state(levels) == {"seen": 2}
    with pytest.raises(SessionError, match="is not attached"):
        Session().state(levels)


class TurnSpecs:
    """A hook spec that a plugin brings."""

    @hookspec
    def on_turn(self, call, number) -> None:
        """Told at each turn."""


class Turns:
    """Brings the spec."""

    name = "turns"
    hookspecs = TurnSpecs()


class Watcher:
    """Implements it, and cannot do without."""

    name = "watcher"

    @hookimpl
    def on_turn(self, number) -> None: ...


@pytest.mark.parametrize("plugins", [(Watcher, Turns), (Turns, Watcher)], ids=["user first", "bringer first"])
def test_plugins_attached_together_are_checked_together(plugins) -> None:
    """Whoever implements a hook may come before the one who brings it; alone it is refused."""
    made = [plugin() for plugin in plugins]
    assert len(Session(*made).plugins) == 2
    with Session() as session:
        session.register_all(made)
        assert len(session.plugins) == 2
    with pytest.raises(InvalidPlugin, match="there is no such hook"):
        Session(Watcher())


def test_of_plugins_that_are_refused_together_nothing_is_left() -> None:
    """Neither they nor the hooks that they would have brought, except those that came before."""
    with Session() as session:
        hooks = session.pm.known_hooks()
        with pytest.raises(InvalidPlugin, match="is no plugin"):
            session.register_all([3, Turns()])
        assert session.plugins == {}
        assert session.pm.known_hooks() == hooks
        with pytest.raises(InvalidPlugin, match="is no plugin"):
            session.register_all([Turns(), 3])
        assert list(session.plugins) == ["turns"]
