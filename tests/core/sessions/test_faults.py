"""What plugins did wrong where they may only watch."""

from __future__ import annotations

from pegboard import Session, task
from pegboard.testing import FaultyPlugin


def test_observer_errors_are_counted_per_session() -> None:
    """Each session counts its own; a copy is handed out."""
    with Session(FaultyPlugin(hooks=["on_error"])) as outer:
        with Session() as inner:
            assert task(lambda: 1 / 0).run().status == "error"
        assert inner.observer_errors == {("faulty", "on_error"): 1}
        assert outer.observer_errors == {}
    inner.observer_errors["x"] = 1
    assert len(inner.observer_errors) == 1
