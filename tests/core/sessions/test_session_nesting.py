"""What an inner session inherits, replaces and leaves as it was."""

from __future__ import annotations

import pytest
from made_plugins import Stepping
from session_plugins import Level, Levels, function, living

from pegboard import Session, current_session, hookimpl, task
from pegboard.testing import FakeClock, Recorder


def test_an_inner_session_inherits() -> None:
    """Plugins, defaults, strictness, clock and executors are those of the outer session, and its own on top."""
    outer_recorder, inner_recorder = Recorder("outer"), Recorder("inner")
    with (
        Session(
            outer_recorder, FakeClock(), Levels(), defaults=[Level(10)], strict=True, executor="inline"
        ) as outer,
        Session(inner_recorder) as inner,
    ):
        assert task(lambda: 1)() == 11
        assert list(inner.plugins) == ["outer", "clock", "levels", "inner"]
        assert (inner.outer, inner.strict, inner.clock) == (outer, True, outer.clock)
        assert inner.executors is outer.executors
    assert len(outer_recorder.of("after_execute")) == len(inner_recorder.of("after_execute")) == 1


def test_an_inner_session_may_inherit_nothing() -> None:
    """`inherit=False` starts from nothing."""
    recorder = Recorder()
    with Session(recorder, defaults=[Level(10)], strict=True), Session(inherit=False) as inner:
        assert task(lambda: 1)() == 1
        assert (dict(inner.plugins), inner.strict, inner.outer) == ({}, False, None)
    assert recorder.events == []


def test_an_inner_session_replaces_by_name() -> None:
    """Its own plugin takes the place of the inherited one of that name, and only inside."""
    outer_recorder, inner_recorder = Recorder(), Recorder()
    with Session(outer_recorder) as outer:
        function(1)
        with Session(inner_recorder) as inner:
            function(2)
            assert inner.plugins["recorder"] is inner_recorder
        function(3)
        assert outer.plugins["recorder"] is outer_recorder
    assert [event.subject.args for event in outer_recorder.of("after_execute")] == [(1,), (3,)]
    assert [event.subject.args for event in inner_recorder.of("after_execute")] == [(2,)]


def test_an_inner_default_replaces_the_outer_one() -> None:
    """One option of a class counts: the innermost."""
    with Session(defaults=[Level(10)]), Session(defaults=[Level(20)]):
        assert task(lambda: 1)() == 21


def test_an_inherited_plugin_is_not_started_again() -> None:
    """A plugin lives as long as the session it was attached to."""
    log: list[str] = []
    with Session(*living("a", log)):
        with Session(*living("b", log)):
            pass
        assert log == ["start a", "start b", "end b"]
    assert log[-1] == "end a"


def test_an_inherited_plugin_can_be_left_out_inside() -> None:
    """Unregistering it from the inner session neither ends it nor detaches it outside."""
    log: list[str] = []
    with Session(*living("a", log)) as outer:
        with Session() as inner:
            inner.unregister("a")
            assert dict(inner.plugins) == {}
        assert list(outer.plugins) == ["a"]
        assert log == ["start a"]


def test_an_inner_session_applies_inside_only_also_when_its_body_raised() -> None:
    """The outer session is whole again afterwards."""
    recorder = Recorder()
    with Session() as outer:
        with pytest.raises(ValueError, match="no"), Session(recorder):
            raise ValueError("no")
        assert current_session() is outer
        function()
    assert current_session() is None
    assert recorder.events == []


def test_a_plugin_registered_inside_is_gone_outside() -> None:
    """What an inner session attaches, by hand or for an option, is its own."""
    with Session() as outer:
        with Session() as inner:
            inner.register(Recorder())
            task(Level(2))(lambda: 1)()
            assert list(inner.plugins) == ["recorder", "levels"]
        assert dict(outer.plugins) == {}


def test_a_session_entered_elsewhere_inherits_from_there() -> None:
    """What it took over at an earlier start is gone at the next."""
    session = Session(Recorder("own"))
    with (
        Session(Recorder("around"), Levels(), defaults=[Level(5)], strict=True, executor="inline"),
        session,
    ):
        assert task(lambda: 1)() == 6
    with session:
        assert task(lambda: 1)() == 1
        assert list(session.plugins) == ["own"]
        assert (session.strict, session.outer, session.executors.default) == (False, None, "threads")
    with Session(Recorder("other")), session:
        assert list(session.plugins) == ["other", "own"]


class Following:
    """Implements the spec that another plugin brings."""

    name = "following"

    @hookimpl
    def on_step(self, call) -> None: ...


def test_the_owner_of_a_spec_may_be_replaced_below_those_who_implement_it() -> None:
    """An inherited plugin finds the spec it implements, whoever brings it in the inner session."""
    with Session(Stepping(), Following()), Session(Stepping()) as inner:
        assert inner.explain(function).observers["on_step"] == ("following",)
