"""What a plan does, in words."""

from __future__ import annotations

from pegboard import Retry, Scope, Session, hookimpl, task
from pegboard.testing import Recorder


class Scoped:
    """A plugin of one scope."""

    name = "scoped"

    @hookimpl
    def bind(self) -> Scope:
        return Scope("scoped", lambda call: None, lambda call, token: None)


@task(Retry(2), name="load_{day}")
def load(day: str) -> str:
    return day


def test_it_names_options_scopes_layers_and_observers_in_order() -> None:
    """Everything that happens around the task is there, from the outermost in."""

    class Watching:
        name = "watching"

        @hookimpl
        def after_execute(self) -> None: ...

    with Session(Scoped(), Watching()) as session:
        explanation = session.explain(load)
    assert (explanation.task, explanation.kind) == ("load_{day}", "function")
    assert explanation.layers == ((600, "retry"),)
    assert explanation.scopes == ("scoped",)
    assert explanation.observers == {"after_execute": ("watching",)}
    assert str(explanation).splitlines() == [
        "load_{day} (function)",
        f"  option  {Retry(2)!r}",
        "  scope   scoped",
        "  layer    600 retry",
        "  event   after_execute: watching",
    ]


def test_observers_are_named_in_the_order_in_which_they_are_told() -> None:
    """The plugin attached last is told first."""
    with Session(Recorder("a"), Recorder("b")) as session:
        assert session.explain(load).observers["before_execute"] == ("b", "a")


def test_defaults_are_options_in_force() -> None:
    """A session's default shows as if the task had asked for it."""

    @task
    def plain() -> None: ...

    with Session(defaults=[Retry(7)]) as session:
        assert session.explain(plain).options == (repr(Retry(7)),)


def test_nothing_attached_is_said() -> None:
    """A task that asks for nothing, in a session that has nothing."""

    @task(name="plain")
    def plain() -> None: ...

    with Session() as session:
        assert str(session.explain(plain)) == "plain (function)\n  nothing is attached"


def test_a_session_that_is_not_open_can_explain() -> None:
    """Asking before the start shows the same plan, and keeps nothing."""
    session = Session(Scoped())
    assert session.explain(load).scopes == ("scoped",)
    assert load._plans == {}
