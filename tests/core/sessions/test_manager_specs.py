"""Hook specs that a plugin brings, and events of its own."""

from __future__ import annotations

import pytest
from made_plugins import Stepping, emitting, named
from session_plugins import function

from pegboard import InvalidPlugin, Session, UnknownEvent, current_call, hookimpl, hookspec, task


class Watching:
    """Watches an event of another plugin."""

    name = "watching"

    def __init__(self) -> None:
        self.seen: list[object] = []

    @hookimpl
    def on_step(self, label: str, call) -> None:
        self.seen.append((label, call.task.name))


class Optional(Watching):
    """Watches an event that may or may not exist."""

    name = "optional"

    @hookimpl(optionalhook=True)
    def on_step(self, label: str, call) -> None:
        self.seen.append((label, call.task.name))


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
