"""Plugins that other projects' markers are on, and hooks called by pluggy's own means."""

from __future__ import annotations

from typing import Any

import pluggy
import pytest

from pegboard import InvalidPlugin, Session, hookimpl, hookspec, task

other_impl = pluggy.HookimplMarker("daglite")


class Marked:
    name = "marked"

    @other_impl
    def before_execute(self, call: Any) -> None: ...


class MarkedOwn:
    name = "marked-own"

    @other_impl
    def before_node(self) -> None: ...


class MarkedStatic:
    name = "marked-static"

    @staticmethod
    @other_impl
    def before_execute(call: Any) -> None: ...


@pytest.mark.parametrize("plugin", [Marked, MarkedOwn, MarkedStatic])
def test_a_plugin_without_one_hook_of_ours_is_refused_by_its_marker(plugin: type) -> None:
    """It would attach, and never be called."""
    with pytest.raises(InvalidPlugin, match="'daglite'"):
        Session(plugin())


def test_a_plugin_may_serve_another_project_too() -> None:
    """Where it has hooks of ours, those of others are their own business."""
    told = []

    class Both:
        name = "both"

        @other_impl
        def before_node(self) -> None: ...

        @hookimpl
        def before_execute(self) -> None:
            told.append(1)

    with Session(Both(), inherit=False):
        task(lambda: None)()
    assert told == [1]


class Specs:
    @hookspec
    def facets(self, event: dict[str, int]) -> object:
        """Add to the event."""


class Lineage:
    name = "lineage"
    hookspecs = Specs()


class Adding:
    def __init__(self, name: str) -> None:
        self.name = name

    @hookimpl(optionalhook=True)
    def facets(self, event: dict[str, int]) -> str:
        event[self.name] = 1
        return self.name


class Failing(Adding):
    error: BaseException = RuntimeError("no facets")

    @hookimpl(optionalhook=True)
    def facets(self, event: dict[str, int]) -> str:
        raise self.error


@pytest.mark.parametrize("order", [0, 1], ids=["brought first", "brought last"])
def test_what_one_raises_in_a_plugin_s_own_hook_is_kept_from_the_others(order: int) -> None:
    """Also where pluggy calls it: counted for the one that failed, whatever the order of attachment."""
    plugins = [Adding("first"), Failing("faulty"), Adding("last")]
    attached = [Lineage(), *plugins] if order == 0 else [*plugins, Lineage()]
    event: dict[str, int] = {}
    with Session(*attached, inherit=False) as session:
        assert session.pm.hook.facets(event=event) == ["last", "first"]
        assert session.observer_errors == {("faulty", "facets"): 1}
    assert event == {"first": 1, "last": 1}


def test_an_inner_session_counts_for_itself() -> None:
    """The plugins are inherited, the counts are not."""
    with Session(Lineage(), Failing("faulty"), inherit=False) as outer, Session() as inner:
        inner.pm.hook.facets(event={})
        assert inner.observer_errors == {("faulty", "facets"): 1}
        assert outer.observer_errors == {}


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit()], ids=repr)
def test_an_exit_in_a_plugin_s_own_hook_goes_on(error: BaseException) -> None:
    """As from an event."""
    faulty = Failing("faulty")
    faulty.error = error
    with Session(Lineage(), faulty, inherit=False) as session, pytest.raises(type(error)):
        session.pm.hook.facets(event={})


def test_a_strict_session_raises_what_a_plugin_s_own_hook_did() -> None:
    """There is no call whose end could."""
    with (
        Session(Lineage(), Failing("faulty"), strict=True, inherit=False) as session,
        pytest.raises(RuntimeError, match="no facets"),
    ):
        session.pm.hook.facets(event={})
