"""What is measured of a queue: how long items wait in line, and how many are in each state."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pegboard.parts.measuring import NULL
from pegboard_queue.items.item import record_of
from pegboard_queue.items.state import State

if TYPE_CHECKING:
    from pegboard import Session
    from pegboard.parts.measuring import Histogram
    from pegboard_queue.items.item import Item


class Line:
    """Measures how long the items of one session are ready before they run."""

    def __init__(self, histogram: Histogram) -> None:
        self._histogram = histogram
        self._of_task: dict[str, Histogram] = {}

    def joined(self, item: Item[Any]) -> None:
        """Note that an item is ready."""
        record = record_of(item)
        record.ready_since = record.clock.monotonic()

    def left(self, item: Item[Any]) -> None:
        """Note that an item begins to run."""
        record = record_of(item)
        name = record.task.name
        bound = self._of_task.get(name)
        if bound is None:
            bound = self._of_task[name] = self._histogram.labels(pegboard_task_name=name)
        bound.observe(max(record.clock.monotonic() - record.ready_since, 0.0))


def line_of(session: Session) -> Line | None:
    """Return what measures the line in a session; None where nobody does."""
    histogram = session.measure(
        "histogram",
        "pegboard_queue_wait_seconds",
        "Time from when a work item was ready until it began to run.",
        ("pegboard_task_name",),
    )
    return None if histogram is NULL else Line(histogram)


def show_states(session: Session, count: Callable[[State], float]) -> None:
    """Have a session show how many items there are in each state."""
    gauge = session.measure(
        "gauge",
        "pegboard_queue_items",
        "Work items by state; those that ended and were forgotten are counted too.",
        ("pegboard_item_state",),
    )
    for state in State:
        gauge.labels(pegboard_item_state=state.value).set_function(_counted(count, state))


def _counted(count: Callable[[State], float], state: State) -> Callable[[], float]:
    return lambda: count(state)
