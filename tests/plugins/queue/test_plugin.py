"""What a session sees of its items."""

from __future__ import annotations

import logging

import pytest

from pegboard import Layer, Option, Order, Session, hookimpl, task
from pegboard_queue import ENDED, TRANSITIONS, IllegalTransition, Item, Queue, QueueError, State, TaskManager


class Twice:
    """Tries everything a second time, and says so as a retry does."""

    name = "twice"

    @hookimpl
    def bind(self, session, task):
        async def run(call, proceed):
            try:
                return await proceed(call)
            except OSError as error:
                call.emit("on_retry", call.attempt, error, 1.0)
                await call.sleep(0)
            return await proceed(call)

        return Layer("twice", Order.RETRY, run=run) if task.options else None


class Marked(Option):
    """What a task asks for to be tried twice."""

    plugin_name = "twice"


def test_a_retried_item_is_retrying_in_between(changes) -> None:
    """Row 69: its own retries, and not those of what it calls."""
    errors = [OSError(), OSError()]

    @task(Marked())
    def flaky() -> str:
        if errors:
            raise errors.pop()
        return "well"

    @task
    def outer() -> str:
        return flaky()

    with Session(changes, Twice(), inherit=False), TaskManager(1) as manager:
        item = manager.submit(flaky, name="own")
        with pytest.raises(OSError):
            item.wait(5)
        errors.append(OSError())
        item.retry()
        assert (item.wait(5), item.attempts) == ("well", 2)
        errors.append(OSError())
        manager.submit(outer, name="outer").wait(5)
    once = ["ready", "running", "retrying", "running"]
    assert changes.of("own") == [*once, "failed", *once, "completed"]
    assert changes.of("outer") == ["ready", "running", "completed"]


def test_a_retrying_item_is_cancelled(changes) -> None:
    """Rule 43: it stays so, whatever the attempt gives."""
    errors = [OSError()]

    @task(Marked())
    def flaky() -> str:
        if errors:
            raise errors.pop()
        return "well"

    class Cancels:
        name = "cancels"

        @hookimpl(trylast=True)
        def on_retry(self, call) -> None:
            manager.cancel("flaky")

    with Session(Cancels(), changes, Twice(), inherit=False), TaskManager(1) as manager:
        item = manager.submit(flaky, name="flaky")
        manager.join(5)
    assert item.state is State.CANCELLED
    assert changes.of("flaky") == ["ready", "running", "retrying", "cancelled"]


def test_every_change_is_told_once_in_order(manager, changes) -> None:
    """Row 69: and before whoever waits goes on."""
    manager.submit(len, ("",), name="item").wait(5)
    assert changes.told == [
        ("item", "pending", "ready"),
        ("item", "ready", "running"),
        ("item", "running", "completed"),
    ]


def test_an_observer_that_fails_changes_nothing(caplog) -> None:
    """Promise 1."""

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
    """Promise 1, for tests."""

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
    """Promise 1: it goes on, though not in a thread of the manager."""

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


def test_a_session_has_one_plugin_for_all_its_managers() -> None:
    """One given is used."""
    queue = Queue()
    with Session(queue, inherit=False) as session, TaskManager(), TaskManager():
        assert session.plugins["queue"] is queue


def test_every_illegal_move_is_refused_and_changes_nothing(session) -> None:
    """Row 69: the whole table, from every state."""

    @task
    def work() -> None: ...

    paths = {State.PENDING: []}
    while len(paths) < len(State):
        for old in list(paths):
            for new in TRANSITIONS[old]:
                paths.setdefault(new, [*paths[old], new])
    for old, path in paths.items():
        for new in State:
            item = Item(work)
            for step in path:
                item.move(step)
            if new in TRANSITIONS[old]:
                assert item.move(new) is old
                assert item.state is new
            else:
                with pytest.raises(IllegalTransition, match=f"is {old}, and cannot become {new}") as caught:
                    item.move(new)
                assert (caught.value.state, caught.value.wanted, item.state) == (old, new, old)


def test_nothing_follows_an_end_but_a_failure() -> None:
    """Row 69."""
    assert {state for state in ENDED if TRANSITIONS[state]} == {State.FAILED}
    assert TRANSITIONS[State.FAILED] == {State.READY}
    assert len(State) == len(TRANSITIONS) == 10


def test_the_table_is_what_is_promised() -> None:
    """Row 69: written out once more, so that no line changes by mistake."""
    assert {str(old): " ".join(sorted(new)) for old, new in TRANSITIONS.items()} == {
        "pending": "cancelled ready waiting",
        "waiting": "cancelled paused ready skipped",
        "ready": "cancelled paused running waiting",
        "running": "cancelled completed failed paused retrying",
        "retrying": "cancelled completed failed running",
        "paused": "cancelled ready skipped waiting",
        "completed": "",
        "failed": "ready",
        "cancelled": "",
        "skipped": "",
    }
