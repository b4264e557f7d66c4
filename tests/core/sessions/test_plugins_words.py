"""What a session says when something else was meant."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

import pegboard
from pegboard import (
    BindError,
    ConfigError,
    InvalidPlugin,
    Layer,
    MissingPlugin,
    Option,
    Scope,
    Session,
    UnknownEvent,
    current_call,
    hookimpl,
    task,
)


class Audit:
    """A plugin of one's own."""

    name = "audit"

    @hookimpl
    def before_execute(self) -> None:
        """Watch."""


@attrs.frozen
class Audited(Option):
    """Its option."""

    plugin_name = "audit"

    @classmethod
    def plugin(cls) -> type:
        return Audit


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("audit", "not 'audit'. Did you mean session[Audit]?"),
        ("adit", "Did you mean 'audit'?"),
        ("Audt", "Did you mean 'Audit'?"),
        ("retry", "Did you mean session[Retrying]?"),
        (Audited, "not the option Audited. Did you mean session[Audit]?"),
        (Audited(), "not the option Audited. Did you mean session[Audit]?"),
        (Audit(), "Did you mean session[Audit]?"),
        (None, "not None."),
    ],
    ids=lambda given: str(given)[:30],
)
def test_what_is_no_class_of_a_plugin_is_refused(given: object, words: str) -> None:
    """And the class that was probably meant is named."""
    with Session(Audit()) as session, pytest.raises(TypeError) as refused:
        session[given]  # type: ignore[index]
    assert words in str(refused.value)


def test_a_class_that_is_no_plugins_is_told() -> None:
    """Attaching it would be no way out."""

    class Audits:
        pass

    with Session(Audit()) as session, pytest.raises(MissingPlugin) as refused:
        session[Audits]
    assert str(refused.value) == (
        "Audits is no plugin's class: it has neither a name nor a hook. Did you mean 'Audit'?"
    )


@pytest.mark.parametrize("given", [Audited, Audited()], ids=["class", "value"])
def test_an_option_is_no_plugin(given: object) -> None:
    """It goes on a task, its class as little as itself on a session."""
    with pytest.raises(
        InvalidPlugin, match=r"Audited\(...\) is an option, and goes on a task: @task\(Audited\(...\)\)"
    ):
        Session(given)


@pytest.mark.parametrize("kind", [list, tuple, set])
def test_plugins_are_given_one_by_one(kind: type) -> None:
    """A list of them is no plugin."""
    with pytest.raises(InvalidPlugin, match=r"They are given one by one: Session\(\*plugins\)"):
        Session(kind([Audit()]))


def test_a_misspelt_event_says_which_was_meant() -> None:
    """Emitted by a call, asked of a session, or watched by a bound observer."""

    @task
    def emits() -> None:
        current_call().emit("on_retrry", 1)

    class Watcher:
        @hookimpl
        def on_eror(self) -> None: ...

    class Binding:
        name = "binding"

        @hookimpl
        def bind(self) -> Watcher:
            return Watcher()

    with Session() as session:
        with pytest.raises(UnknownEvent, match="Did you mean 'on_retry'"):
            emits()
        with pytest.raises(UnknownEvent, match="Did you mean 'session_start'"):
            session.ask("session_strat")
    with Session(Binding()), pytest.raises(BindError, match="Did you mean 'on_error'"):
        task(lambda: 1)()


@pytest.mark.parametrize(("name", "meant"), [("Retri", "Retry"), ("Sesion", "Session"), ("retry", "Retry")])
def test_a_misspelt_name_of_the_package_says_which_was_meant(name: str, meant: str) -> None:
    """A first-party option as well as a name of the core."""
    with pytest.raises(AttributeError, match=rf"has no attribute '{name}'. Did you mean '{meant}'"):
        getattr(pegboard, name)


def test_what_no_name_is_near_to_is_only_missing() -> None:
    """And what Python itself asks for, silently."""
    assert not hasattr(pegboard, "__path_of_nothing__")
    with pytest.raises(AttributeError) as missing:
        pegboard.xyzzy  # type: ignore[attr-defined]  # noqa: B018
    assert str(missing.value).endswith("has no attribute 'xyzzy'.")


@pytest.mark.parametrize("way", ["session", "register", "configuration"])
def test_a_named_plugin_that_needs_settings_says_so(site, way: str) -> None:
    """Not Python's words about `__init__` alone, but the way out too."""
    source = "class Needy:\n    name = 'needy'\n    def __init__(self, url): ...\n"
    site.install("needy", {"needy": "needy_plugin:Needy"}, {"needy_plugin": source})
    Path("pegboard.toml").write_text('plugins = ["needy"]\n' if way == "configuration" else "")
    ways = {
        "session": lambda: Session("needy"),
        "register": lambda: Session().register("needy"),
        "configuration": task(lambda: 1),
    }
    with pytest.raises(ConfigError) as refused:
        ways[way]()
    first, way_out = str(refused.value).splitlines()
    assert first.startswith("plugin 'needy' cannot be made without settings: ")
    assert way_out == "Attach one that has them: Session(Needy(...), ...)."


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Layer(3, 1), "Layer: name is a text, not 3."),
        (lambda: Layer("x", "RETRY"), "Layer: order is a whole number, not 'RETRY'."),
        (lambda: Scope("x", 3, print), "Scope: enter is a function of the call, not 3."),
        (lambda: Scope("x", print, None), "Scope: exit is a function of the call"),
    ],
    ids=["name", "order", "enter", "exit"],
)
def test_parts_of_a_wrong_form_are_refused_where_they_are_made(make, words: str) -> None:
    """A scope that cannot be entered would only be counted, at every call."""
    with pytest.raises(TypeError) as refused:
        make()
    assert str(refused.value).startswith(words)
