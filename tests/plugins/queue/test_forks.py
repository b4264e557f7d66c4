"""Forked children of a process that has managers of items."""

from __future__ import annotations

import asyncio
import os

import pytest

from pegboard import Session, task
from pegboard_queue import State, TaskManager, UnknownItem

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks there"),
    pytest.mark.usefixtures("pegboard_isolated"),
]


@task
def where() -> int:
    return os.getpid()


@task
async def where_async() -> int:
    await asyncio.sleep(0)
    return os.getpid()


@pytest.mark.parametrize("installed", [True, False], ids=["installed", "open"])
def test_a_manager_begins_anew_in_a_child(gate, changes, in_child, installed):
    """It runs what is submitted there, and nothing of its parent's; its session ends without waiting for that."""
    session = Session(changes, executor="inline")
    session.install() if installed else session.__enter__()
    manager = TaskManager(workers=1)
    running = manager.submit(task(gate, name="gate"))
    assert gate.running.wait(10)
    waiting = manager.submit(where, name="waiting")

    def child():
        changes.told.clear()
        found = [manager.wait(manager.submit(each)) == os.getpid() for each in (where, where_async)]
        names = [item.name for item in manager.list()]
        told = {name for name, _, _ in changes.told}
        session.uninstall() if installed else session.__exit__(None, None, None)
        return [found, names, sorted(told), manager.is_closed]

    assert in_child(child) == [[True, True], ["where", "where_async"], ["where", "where_async"], True]
    gate.open.set()
    assert manager.wait(waiting) == os.getpid()
    assert running.state is State.COMPLETED
    session.uninstall() if installed else session.__exit__(None, None, None)


def test_items_of_the_parent_are_refused_in_a_child(gate, in_child):
    """Nobody there could wait for them."""
    with Session(), TaskManager() as manager:
        item = manager.submit(task(gate, name="gate"))

        def refused(ask):
            with pytest.raises(UnknownItem, match="was submitted before this process was forked"):
                ask()
            return True

        def child():
            return [
                refused(lambda: manager.wait(item)),
                refused(item.cancel),
                refused(lambda: manager.retry(item)),
                refused(lambda: manager.submit(where, depends_on=[item])),
            ]

        assert in_child(child) == [True] * 4
        gate.open.set()


def test_an_item_that_forks_leaves_the_queue_to_its_parent(in_child):
    """Its child runs none of the items behind it, and what it submits there runs there."""
    with Session(), TaskManager(workers=1) as manager:

        @task
        def forks():
            return in_child(lambda: [manager.wait(manager.submit(where)) == os.getpid(), len(manager.list())])

        first, second = manager.submit(forks), manager.submit(where)
        assert manager.wait(first) == [True, 1]
        assert manager.wait(second) == os.getpid()
