"""Which item runs when, and what its end makes of it."""

from __future__ import annotations

import time

import pytest

from pegboard import Suspended, task
from pegboard_queue import (
    State,
    TaskManager,
)


@task
def double(x: int) -> int:
    return 2 * x


def test_the_best_of_what_is_ready_when_a_slot_frees(manager, gate, changes) -> None:
    """A later high item overtakes, ties go by submission, and ten does not sort before nine."""
    manager.submit(gate, name="first")
    assert gate.running.wait(5)
    for name, priority in [("a", 9), ("b", 10), ("c", 9), ("low", -1), ("late", 100)]:
        manager.submit(double, (1,), name=name, priority=priority)
    gate.open.set()
    manager.join()
    assert [item for item, _, new in changes.told if new == "running"] == [
        "first",
        "late",
        "b",
        "a",
        "c",
        "low",
    ]


def test_no_more_run_at_once_than_there_are_slots(session, gates) -> None:
    """`workers` counts functions and coroutines."""
    with TaskManager(2) as manager:
        made = [gates() for _ in range(3)]
        for each in made:
            manager.submit(each)
        assert made[0].running.wait(5)
        assert made[1].running.wait(5)
        assert manager.statistics().running == 2
        assert not made[2].running.is_set()
        for each in made:
            each.open.set()


def test_a_task_that_suspends_itself_is_paused(manager) -> None:
    """A suspended call is no failure: `resume` takes it up."""
    parked = [1]

    @task
    def park() -> str:
        if parked:
            parked.pop()
            raise Suspended
        return "taken up"

    item = manager.submit(park)
    while item.state is not State.PAUSED:
        time.sleep(0.001)
    item.resume()
    assert item.wait(5) == "taken up"


def test_an_exit_in_a_task_fails_its_item_alone(manager) -> None:
    """A thread of the manager is no place to end the program from."""

    @task
    def leave() -> None:
        raise SystemExit(3)

    item = manager.submit(leave)
    with pytest.raises(SystemExit):
        item.wait(5)
    assert item.state is State.FAILED
    assert manager.submit(double, (1,)).wait(5) == 2
