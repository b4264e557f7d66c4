"""How many items there are in each state."""

from __future__ import annotations

import pytest

from pegboard_queue import State, Statistics


def counted(**counts: int) -> Statistics:
    return Statistics(sum(counts.values()), {state: counts.get(state.value, 0) for state in State})


@pytest.mark.parametrize(
    ("counts", "rate"),
    [
        ({"completed": 3, "failed": 1}, 0.75),
        ({"completed": 3, "failed": 1, "skipped": 5, "cancelled": 2, "running": 1}, 0.75),
        ({"completed": 1}, 1.0),
        ({"failed": 1, "skipped": 1}, 0.0),
        ({}, None),
        ({"skipped": 2, "ready": 1}, None),
    ],
)
def test_the_success_rate_is_of_what_returned_or_raised(counts, rate) -> None:
    """What was skipped never ran, and says nothing; without any there is none."""
    assert counted(**counts).success_rate == rate


def test_what_was_skipped_stands_apart() -> None:
    """It has neither failed nor been cancelled."""
    statistics = counted(skipped=2, failed=1, cancelled=1)
    assert (statistics.skipped, statistics.failed, statistics.cancelled) == (2, 1, 1)
