"""What a run that is tried again from a step forgets."""

from __future__ import annotations

import pytest

from pegboard_durable.journal.reopening import begun_since

ROWS = [("a#1", 1.0), ("b#1", 2.0), ("b#1/c#1", 3.0), ("b#1/d#1", 4.0), ("e#1", 5.0), ("b#10", 1.5)]


@pytest.mark.parametrize(
    ("step", "gone"),
    [
        ("e#1", {"e#1"}),
        ("b#1", {"b#1", "b#1/c#1", "b#1/d#1", "e#1"}),
        ("b#1/d#1", {"b#1", "b#1/d#1", "e#1"}),
        ("no#1", set()),
    ],
)
def test_a_step_goes_with_all_that_began_after_it(step, gone):
    """And with those around it, whose outcome came of it; what came before stays, and so does what has a name like it."""
    found = begun_since(ROWS, step)
    assert {key for key in found if not key.endswith("!undo")} == gone
    assert {key.removesuffix("!undo") for key in found} == gone
