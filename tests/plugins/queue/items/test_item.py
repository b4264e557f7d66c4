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
    """Row 67."""
    item = Item(double, (3,), name="three")
    assert item.execute() == 6
    assert (item.state, item.value, item.attempts) == (State.COMPLETED, 6, 1)
    with pytest.raises(IllegalTransition):
        item.execute()
    with pytest.raises(QueueError, match="no manager"):
        item.pause()


def test_an_executed_item_that_fails_raises_its_error() -> None:
    """Row 67."""

    @task
    def fail() -> None:
        raise KeyError("x")

    item = Item(fail)
    with pytest.raises(KeyError):
        item.execute()
    assert item.state is State.FAILED
    assert isinstance(item.error, KeyError)
