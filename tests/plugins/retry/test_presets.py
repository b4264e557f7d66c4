"""Retries as other task libraries count and wait."""

from __future__ import annotations

import pytest

from pegboard import Session, task
from pegboard.testing import FakeClock
from pegboard_retry import presets


@pytest.mark.parametrize(
    ("option", "waits"),
    [
        (presets.agnt5(4), [1, 2, 4, 8]),
        (presets.agentic_ai(3, backoff_factor=3), [1, 3, 9]),
        (presets.flux(3, retry_delay=1, retry_backoff=2), [1, 2, 4]),
        (presets.flux(12, retry_delay=1, retry_backoff=2), [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600]),
        (presets.auto_workflow(3, retry_backoff=1.5), [1.5, 3, 6]),
        (presets.daglite(3), []),
    ],
    ids=["agnt5", "agentic_ai", "flux", "flux capped", "auto_workflow", "daglite"],
)
def test_the_waits_are_theirs(option, waits: list[float]) -> None:
    """The arithmetic of each, to the second."""
    clock = FakeClock()
    runs = []

    @task(option)
    def fails() -> None:
        runs.append(1)
        raise OSError

    with Session(clock):
        fails.run()
    assert clock.sleeps == waits
    assert len(runs) == option.retries + 1


def test_auto_workflows_jitter_is_added() -> None:
    """Each wait is longer by up to that many seconds."""
    clock = FakeClock()

    @task(presets.auto_workflow(50, retry_backoff=0, retry_jitter=2))
    def fails() -> None:
        raise OSError

    with Session(clock):
        fails.run()
    assert len(set(clock.sleeps)) > 40
    assert all(0 <= wait <= 2 for wait in clock.sleeps)
