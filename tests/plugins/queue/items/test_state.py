"""Which states there are, and which may follow which."""

from __future__ import annotations

from pegboard_queue import ENDED, TRANSITIONS, State


def test_nothing_follows_an_end_but_a_failure() -> None:
    """Only a failed item may become ready again, and what was skipped behind it wait again."""
    assert {state for state in ENDED if TRANSITIONS[state]} == {State.FAILED, State.SKIPPED}
    assert TRANSITIONS[State.FAILED] == {State.READY}
    assert TRANSITIONS[State.SKIPPED] == {State.WAITING}
    assert len(State) == len(TRANSITIONS) == 10


def test_the_table_is_what_is_promised() -> None:
    """Written out once more, so that no line changes by mistake."""
    assert {str(old): " ".join(sorted(new)) for old, new in TRANSITIONS.items()} == {
        "pending": "cancelled ready waiting",
        "waiting": "cancelled paused ready skipped",
        "ready": "cancelled paused running waiting",
        "running": "cancelled completed failed paused retrying",
        "retrying": "cancelled completed failed running",
        "paused": "cancelled ready skipped waiting",
        "completed": "",
        "failed": "ready",
        "cancelled": "",
        "skipped": "waiting",
    }
