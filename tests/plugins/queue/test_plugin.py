"""What a session sees of its items."""

from __future__ import annotations

import pytest

from pegboard import Layer, Option, Order, Session, hookimpl, task
from pegboard_queue import Queue, State, TaskManager


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
    """Its own retries, and not those of what it calls."""
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
    """It stays so, whatever the attempt gives."""
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


def test_a_session_has_one_plugin_for_all_its_managers() -> None:
    """One given is used."""
    queue = Queue()
    with Session(queue, inherit=False) as session, TaskManager(), TaskManager():
        assert session.plugins["queue"] is queue
