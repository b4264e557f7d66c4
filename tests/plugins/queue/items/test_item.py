"""Items made by hand."""

from __future__ import annotations

import pytest

from pegboard import task
from pegboard_queue import (
    IllegalTransition,
    Item,
    QueueError,
    State,
)


@task
def double(x: int) -> int:
    return 2 * x


@task
def work(x: int = 0) -> int:
    return x


def test_an_item_without_a_manager_runs_where_it_is_executed() -> None:
    """Once, and what takes a manager says that there is none."""
    item = Item(double, (3,), name="three")
    assert item.execute() == 6
    assert (item.state, item.value, item.attempts) == (State.COMPLETED, 6, 1)
    with pytest.raises(IllegalTransition):
        item.execute()
    with pytest.raises(QueueError, match="no manager"):
        item.pause()


def test_an_executed_item_that_fails_raises_its_error() -> None:
    """The very error, and the item has failed."""

    @task
    def fail() -> None:
        raise KeyError("x")

    item = Item(fail)
    with pytest.raises(KeyError):
        item.execute()
    assert item.state is State.FAILED
    assert isinstance(item.error, KeyError)


def test_an_item_shows_what_is_its_users_and_no_more() -> None:
    """What its manager keeps of it is out of sight; see docs/reference/queue.md."""
    assert {name for name in dir(Item) if not name.startswith("_")} == {
        *("id", "name", "task", "args", "kwargs", "priority", "dependencies", "manager"),
        *("state", "is_cancelled", "value", "error", "result", "attempts"),
        *("created_at", "started_at", "ended_at", "duration"),
        *("wait", "cancel", "retry", "pause", "resume", "execute", "add_dependency", "remove_dependency"),
    }


def test_an_id_is_the_same_from_the_start(manager) -> None:
    """Before it is submitted, while it runs and after; and no two are alike."""
    items = [Item(work) for _ in range(3)]
    ids = [item.id for item in items]
    assert [manager.submit(item).id for item in items] == ids
    manager.join(5)
    assert [item.id for item in items] == ids
    assert len({*ids, manager.submit(work).id}) == 4
    assert manager.get(ids[1]) is items[1]


@pytest.mark.parametrize("way", ["ready", "waiting", "paused"])
def test_another_priority_moves_an_item_that_waits(manager, gate, way) -> None:
    """The one that it overtakes was there first, and had a higher one."""
    order: list[str] = []
    running = manager.submit(gate)
    assert gate.running.wait(5)
    first = manager.submit(order.append, ("first",), priority=1)
    behind = [running] if way == "waiting" else []
    last = manager.submit(order.append, ("last",), depends_on=behind)
    if way == "paused":
        last.pause()
    last.priority = 2
    assert last.priority == 2
    if way == "paused":
        last.resume()
    gate.open.set()
    manager.join(5)
    assert order == ["last", "first"]
    assert first.priority == 1


def test_a_lower_priority_lets_others_go_first(manager, gate) -> None:
    """However often it is changed."""
    order: list[str] = []
    manager.submit(gate)
    assert gate.running.wait(5)
    items = [manager.submit(order.append, (name,), priority=5) for name in "abc"]
    for priority in range(100):
        items[0].priority = 50 - priority
    gate.open.set()
    manager.join(5)
    assert order == ["b", "c", "a"]


@pytest.mark.parametrize("state", ["running", "completed", "failed", "cancelled"])
def test_another_priority_is_refused_where_it_decides_nothing(manager, gate, state) -> None:
    """It keeps the one it had."""
    made = {"running": gate, "failed": lambda: 1 / 0}.get(state, lambda: None)
    item = manager.submit(made, priority=3)
    if state == "cancelled":
        manager.submit(work)
        manager.pause()
        item = manager.submit(work, priority=3)
        item.cancel()
    elif state == "running":
        assert gate.running.wait(5)
    else:
        manager.join(5)
    with pytest.raises(QueueError, match=f"is {state}"):
        item.priority = 4
    assert item.priority == 3
    manager.resume()


@pytest.mark.parametrize("value", ["high", 1.5, True, None])
def test_a_priority_is_a_whole_number(value) -> None:
    """Refused where it is set."""
    item = Item(work, priority=1)
    with pytest.raises(TypeError):
        item.priority = value
    assert item.priority == 1


def test_an_item_that_depends_on_others_is_not_run_by_hand_before_them() -> None:
    """By a name nothing is known of, a manager finds it; by item, once that has completed."""
    first = Item(work)
    second, third = Item(work, depends_on=first), Item(work, depends_on="first")
    for item in (second, third):
        with pytest.raises(QueueError, match="has not completed"):
            item.execute()
    first.execute()
    assert second.execute() == 0


@pytest.mark.parametrize("given", [3, [3], [None]])
def test_what_nothing_can_depend_on_is_refused(given) -> None:
    """Where it is written."""
    with pytest.raises(TypeError, match="items and names"):
        Item(work, depends_on=given)
