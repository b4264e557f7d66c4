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
