"""Greenlets, as those of gevent and of SQLAlchemy's async engine: stacks that no thread has."""

from __future__ import annotations

import greenlet
import pytest

from pegboard import Session, task
from pegboard.plans.on_stacks import calls_on_stacks
from pegboard.testing import isolated


@pytest.fixture(autouse=True)
def nothing_is_open():
    """Have each test begin in a program without a session."""
    with isolated():
        yield


def test_calls_of_greenlets_that_wait_are_found() -> None:
    """No thread has their stack, and they are in the middle of their calls all the same."""

    @task
    def switching() -> int:
        greenlet.getcurrent().parent.switch()
        return 1

    session = Session().install()
    waiting = greenlet.greenlet(switching)
    waiting.switch()
    assert [call.task.name for call in calls_on_stacks()] == [switching.name]
    assert session.is_busy()
    assert waiting.switch() == 1
    assert not session.is_busy()
    session.uninstall()
