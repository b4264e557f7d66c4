"""A task's own priority, read by whatever keeps it waiting."""

from __future__ import annotations

import threading

import pytest

from pegboard import Graph, Priority, Session, TaskManager, TaskQueue, flow, task
from pegboard_flow import fan_out
from pegboard_queue import Item

ran: list[str] = []


@pytest.fixture(autouse=True)
def _nothing_ran() -> None:
    ran.clear()


@task(Priority(5), name="urgent")
def urgent(_: object = None) -> None:
    ran.append("urgent")


@task(name="plain")
def plain(_: object = None) -> None:
    ran.append("plain")


@task(Priority(-1), name="idle")
def idle(_: object = None) -> None:
    ran.append("idle")


def test_a_queue_takes_the_tasks_own_priority() -> None:
    """One that is given where it is submitted counts more."""
    begun, go = threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        go.wait(10)

    with Session(), TaskManager(workers=1) as manager:
        manager.submit(hold)
        assert begun.wait(10)
        items = [manager.submit(each) for each in (idle, plain, urgent)]
        assert [item.priority for item in items] == [-1, 0, 5]
        manager.submit(idle, priority=9)
        go.set()
        manager.join(10)
    assert ran == ["idle", "urgent", "plain", "idle"]


def test_a_graph_takes_the_tasks_own_priority() -> None:
    """Among the nodes that are ready the highest goes first."""
    graph = Graph().add_node("start", lambda: None)
    for each in (idle, plain, urgent):
        graph.add_node(each.name, each).add_edge("start", each.name)
    graph.add_node("first", plain, priority=9).add_edge("start", "first").start_with("start").end_with("idle")
    with Session(executor="inline"):
        graph()
    assert ran == ["plain", "urgent", "plain", "idle"]


def test_a_flow_takes_the_tasks_own_priority() -> None:
    """As a graph does."""

    @flow
    def everything() -> object:
        return [idle(), plain(), urgent()]

    with Session(executor="inline"):
        everything()
    assert ran == ["urgent", "plain", "idle"]


@pytest.mark.parametrize("how", ["map", "amap", "fan_out"])
def test_a_map_in_a_flow_takes_the_tasks_own_priority(how) -> None:
    """It is one node, and goes where its task goes."""

    @flow
    def everything() -> object:
        one = plain()
        return [one, fan_out(urgent, [1]) if how == "fan_out" else getattr(urgent, how)([1])]

    with Session(executor="inline"):
        everything()
    assert ran == ["urgent", "plain"]


def test_a_queue_that_runs_nothing_takes_the_tasks_own_priority() -> None:
    """In the same order as a manager."""
    queue = TaskQueue()
    for each in (idle, plain, urgent):
        queue.enqueue(Item(each))
    assert [queue.dequeue().name for _ in range(3)] == ["urgent", "plain", "idle"]


@pytest.mark.parametrize("wrong", [1.5, "5", True, None])
def test_a_priority_is_a_whole_number(wrong: object) -> None:
    """Anything else is refused where it is written."""
    with pytest.raises(TypeError, match="Priority: value is a whole number"):
        Priority(wrong)
