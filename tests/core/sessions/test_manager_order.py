"""The order in which observers are told."""

from __future__ import annotations

from made_plugins import bound, named
from session_plugins import function

from pegboard import Session, hookimpl
from pegboard.testing import Recorder


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
