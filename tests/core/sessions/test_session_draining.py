"""Sessions that begin no new work."""

from __future__ import annotations

from typing import Any

import pytest

from pegboard import Session, SessionError, hookimpl, task


class Told:
    """Notes the sessions that drain."""

    def __init__(self, name: str = "told") -> None:
        self.name = name
        self.of: list[Any] = []

    @hookimpl
    def session_draining(self, session: Session) -> None:
        self.of.append(session)


@task
def double(number: int) -> int:
    return number * 2


def test_calls_go_on() -> None:
    """What runs may need them."""
    with Session() as session:
        assert not session.is_draining
        session.drain()
        assert session.is_draining
        assert (double(1), double.map([2, 3]), double.submit(4).result()) == (2, [4, 6], 8)


def test_sessions_inside_drain_too() -> None:
    """Their plugins are told, each session once, and those of the sessions around are not."""
    outer, inner = Told("outer"), Told("inner")
    with Session() as around, Session(outer) as middle, Session(inner) as inside:
        middle.drain()
        assert (around.is_draining, middle.is_draining, inside.is_draining) == (False, True, True)
        inside.drain()
    assert (outer.of, inner.of) == ([middle, inside], [inside])


def test_one_that_inherits_nothing_is_apart() -> None:
    """It ends when its own owner says so."""
    with Session() as around, Session(inherit=False) as apart:
        around.drain()
        assert not apart.is_draining


def test_one_that_opens_inside_drains_from_its_start() -> None:
    """Nobody has to be told."""
    told = Told()
    with Session() as around:
        around.drain()
        with Session(told) as inside:
            assert inside.is_draining
    assert told.of == []


def test_a_session_that_starts_again_drains_no_more() -> None:
    """It is another lifetime."""
    told = Told()
    session = Session(told)
    for _ in range(2):
        with session:
            assert not session.is_draining
            session.drain()
    assert told.of == [session, session]


@pytest.mark.parametrize("when", ["before", "after"])
def test_one_that_is_not_open_cannot_drain(when: str) -> None:
    """There is nothing that could begin."""
    session = Session()
    if when == "after":
        with session:
            pass
    with pytest.raises(SessionError, match="is not open"):
        session.drain()


def test_a_plugin_that_fails_keeps_nobody_from_being_told() -> None:
    """It is counted, as everywhere."""

    class Fails:
        name = "fails"

        @hookimpl
        def session_draining(self) -> None:
            raise OSError("no")

    told = Told()
    with Session(told, Fails()) as session:
        session.drain()
    assert told.of == [session]
    assert session.observer_errors == {("fails", "session_draining"): 1}
