"""What observers are told of changes, and what becomes of their errors."""

from __future__ import annotations

import logging

import pytest

from pegboard import Session, hookimpl
from pegboard_queue import ENDED, QueueError, State, TaskManager


def test_every_change_is_told_once_in_order(manager, changes) -> None:
    """All of them before whoever waits goes on."""
    manager.submit(len, ("",), name="item").wait(5)
    assert changes.told == [
        ("item", "pending", "ready"),
        ("item", "ready", "running"),
        ("item", "running", "completed"),
    ]


def test_an_observer_that_fails_changes_nothing(caplog) -> None:
    """The item completes, and each failure is counted."""

    class Bad:
        name = "bad"

        @hookimpl(optionalhook=True)
        def on_item_change(self, item) -> None:
            raise RuntimeError("no")

    with (
        caplog.at_level(logging.CRITICAL),
        Session(Bad(), inherit=False) as session,
        TaskManager(1) as manager,
    ):
        assert manager.submit(len, ("abc",)).wait(5) == 3
        assert session.observer_errors == {("bad", "on_item_change"): 3}


def test_a_strict_session_raises_it_where_the_item_is_waited_for() -> None:
    """There, as a thread of the manager has nobody to raise it to."""

    class Bad:
        name = "bad"

        @hookimpl(optionalhook=True)
        def on_item_change(self, item, new) -> None:
            if new is State.COMPLETED:
                raise RuntimeError("no")

    with Session(Bad(), strict=True, inherit=False), TaskManager(1) as manager:
        item = manager.submit(len, ("abc",))
        with pytest.raises(RuntimeError, match="no"):
            item.wait(5)
        assert item.wait(5) == 3


def test_an_observer_may_submit_and_may_not_wait() -> None:
    """Who waits is told after it."""
    refused = []

    class Follows:
        name = "follows"

        @hookimpl(optionalhook=True)
        def on_item_change(self, item, new) -> None:
            if item.name == "first" and new in ENDED:
                after = manager.submit(len, ("abc",), name="second")
                try:
                    after.wait()
                except QueueError as error:
                    refused.append(str(error))

    with Session(Follows(), inherit=False), TaskManager(1) as manager:
        manager.submit(len, ("",), name="first").wait(5)
        assert manager.get("second").wait(5) == 3
    assert len(refused) == 1


def test_a_keyboard_interrupt_in_an_observer_reaches_who_waits() -> None:
    """It is not swallowed, and does not end a thread of the manager."""

    class Stops:
        name = "stops"

        @hookimpl(optionalhook=True)
        def on_item_change(self, new) -> None:
            if new is State.COMPLETED:
                raise KeyboardInterrupt

    with Session(Stops(), inherit=False), TaskManager(1) as manager:
        item = manager.submit(len, ("abc",))
        with pytest.raises(KeyboardInterrupt):
            item.wait(5)
        assert item.wait(5) == 3
