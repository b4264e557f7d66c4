"""Options bring the plugins that they need."""

from __future__ import annotations

import pytest
from session_plugins import Level, Levels, Living

from pegboard import MissingPlugin, Option, Session, task
from pegboard.testing import Recorder


def test_an_option_brings_its_plugin() -> None:
    """A session lacks nothing that a task asks for."""
    with Session() as session:
        assert session.plugins == {}
        assert task(Level(2))(lambda: 1)() == 3
        assert list(session.plugins) == ["levels"]


def test_a_plugin_that_is_there_is_not_brought_again() -> None:
    """The instance that the session was given serves."""
    levels = Levels()
    with Session(levels) as session:
        assert task(Level(2))(lambda: 1)() == 3
        assert session.plugins["levels"] is levels


def test_a_brought_plugin_is_started_and_ended() -> None:
    """It lives like one that was attached by hand."""
    log: list[str] = []

    class Brings(Option):
        plugin_name = "brought"

        @classmethod
        def plugin(cls) -> type:
            return Living

        @classmethod
        def make(cls) -> Living:
            return Living("brought", log)

    with Session():
        task(Brings())(lambda: 1)()
        assert log == ["start brought"]
    assert log == ["start brought", "end brought"]


def test_strict_plugins_refuses_instead() -> None:
    """The error names task, option and plugin, and what is attached; the body does not run."""
    ran: list[int] = []

    @task(Level(2))
    def asking() -> None:
        ran.append(1)

    with Session(Recorder(), strict_plugins=True), pytest.raises(MissingPlugin) as caught:
        asking()
    assert str(caught.value).startswith("task 'asking' asks for Level, which needs the plugin 'levels'.")
    assert "Session('levels', ...). Attached: recorder." in str(caught.value)
    assert caught.value.plugin == "levels"
    assert ran == []
