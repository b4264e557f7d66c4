"""What is taken in, and where it runs."""

from __future__ import annotations

import contextvars
import threading

import pytest

from pegboard import MissingPlugin, Session, current_call, task
from pegboard.testing import Recorder
from pegboard_queue import (
    IllegalTransition,
    Item,
    TaskManager,
)


@task
def double(x: int) -> int:
    return 2 * x


@task
async def adouble(x: int) -> int:
    return 2 * x


@task
def count(x: int):
    yield from range(x)


@task
async def acount(x: int):
    for each in range(x):
        yield each


@pytest.mark.parametrize(
    ("work", "value"), [(double, 6), (adouble, 6), (count, [0, 1, 2]), (acount, [0, 1, 2])]
)
def test_every_kind_of_task_runs(manager, work, value: object) -> None:
    """Streams give the list of their items."""
    assert manager.submit(work, (3,)).wait(5) == value
    assert manager.submit(work, kwargs={"x": 3}).wait(5) == value


def test_a_plain_function_and_a_method_run(manager) -> None:
    """Functions are made tasks; a method keeps its object."""

    class Shelf:
        @task
        def size(self, more: int) -> int:
            return 1 + more

    assert manager.submit(len, ("abc",)).wait(5) == 3
    assert manager.submit(Shelf().size, (2,)).wait(5) == 3


def test_an_item_carries_session_and_context_of_its_submission(session) -> None:
    """It is a call like any other."""
    colour = contextvars.ContextVar("colour", default="none")
    recorder = Recorder()

    @task
    def look() -> tuple[str, object]:
        return colour.get(), current_call().parent

    @task
    def outer() -> Item:
        colour.set("red")
        return manager.submit(look)

    with Session(recorder), TaskManager(1) as manager:
        item = outer()
        shade, parent = item.wait(5)
    assert shade == "red"
    assert parent.task is outer
    assert recorder.unbalanced() == []
    assert [event.subject.id for event in recorder.of("before_execute")] == [parent.id, item.result.call_id]


def test_a_bare_thread_submits_in_the_managers_session(manager, session, changes) -> None:
    """A thread has no session of its own, and its items would go unseen."""

    @task
    def where() -> Session:
        return current_call().session

    items = []
    thread = threading.Thread(target=lambda: items.append(manager.submit(where, name="where")))
    thread.start()
    thread.join()
    assert items[0].wait(5) is session
    assert changes.of("where") == ["ready", "running", "completed"]


def test_many_threads_submit_at_once(session) -> None:
    """Every item runs once."""
    done = []
    with TaskManager(4) as manager:
        threads = [
            threading.Thread(target=lambda: [manager.submit(done.append, (each,)) for each in range(200)])
            for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(done) == manager.statistics().completed == 1200


def test_an_item_made_by_hand_is_submitted_once(manager) -> None:
    """It would run twice."""
    item = Item(double, (4,), priority=2)
    assert manager.submit(item) is item
    assert item.wait(5) == 8
    with pytest.raises(IllegalTransition, match="submitted before"):
        manager.submit(item)


def test_a_session_that_attaches_nothing_by_itself_says_what_is_missing() -> None:
    """The error shows how to attach it."""
    with (
        Session(strict_plugins=True, inherit=False),
        pytest.raises(MissingPlugin, match=r"Session\(Queue\(\)"),
    ):
        TaskManager()


def test_without_a_session_items_run_all_the_same() -> None:
    """The process-wide session serves."""
    with TaskManager(1) as manager:
        assert manager.submit(double, (1,)).wait(5) == 2
