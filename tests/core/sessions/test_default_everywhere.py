"""A plugin that is switched on for a whole process from outside."""

from __future__ import annotations

import pytest

from pegboard import Session, current_call, task
from pegboard.sessions.default import attach_everywhere, detach_everywhere


@pytest.fixture
def everywhere(standins):
    """Switch the installed plugin `alpha` on, for one test."""
    attach_everywhere("alpha")
    yield
    detach_everywhere("alpha")


def test_every_outermost_session_gets_it(everywhere) -> None:
    """An inner one inherits it."""
    with Session() as outer, Session() as inner:
        assert list(outer.plugins) == list(inner.plugins) == ["alpha"]
        assert outer.plugins["alpha"] is inner.plugins["alpha"]


def test_a_session_may_start_twice(everywhere) -> None:
    """It has the plugin once."""
    session = Session()
    for _ in range(2):
        with session:
            assert list(session.plugins) == ["alpha"]


def test_a_session_keeps_its_own(everywhere) -> None:
    """One attached by hand stays."""

    class Mine:
        name = "alpha"

    mine = Mine()
    with Session(mine) as session:
        assert session[Mine] is mine


def test_a_task_outside_of_any_session_is_served(standins) -> None:
    """Also one that was called before, and once more when it is switched off again."""
    plain = task(lambda: current_call())  # noqa: PLW0108
    assert plain() is None
    attach_everywhere("alpha")
    try:
        assert list(plain().session.plugins) == ["alpha"]
    finally:
        detach_everywhere("alpha")
    assert plain() is None
