"""How many items there are in each state."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from pegboard_queue.items.state import ENDED, State


@attrs.frozen
class Statistics:
    """The items of a manager by state, at one moment; those that it has forgotten are counted too.

    Attributes:
        submitted: How many there have been; the sum of all states.
        by_state: How many are in each of the ten states.
    """

    submitted: int
    by_state: Mapping[State, int]

    @property
    def pending(self) -> int:
        """How many have not started: pending, waiting, ready and paused."""
        return sum(
            self.by_state[state] for state in (State.PENDING, State.WAITING, State.READY, State.PAUSED)
        )

    @property
    def running(self) -> int:
        """How many have started and not ended."""
        return self.by_state[State.RUNNING] + self.by_state[State.RETRYING]

    @property
    def completed(self) -> int:
        """How many returned."""
        return self.by_state[State.COMPLETED]

    @property
    def failed(self) -> int:
        """How many raised."""
        return self.by_state[State.FAILED]

    @property
    def cancelled(self) -> int:
        """How many were cancelled."""
        return self.by_state[State.CANCELLED]

    @property
    def skipped(self) -> int:
        """How many never ran, as something they depend on did not complete."""
        return self.by_state[State.SKIPPED]

    @property
    def total_processed(self) -> int:
        """How many have ended."""
        return sum(self.by_state[state] for state in ENDED)

    @property
    def success_rate(self) -> float | None:
        """Which part of those that returned or raised returned, from 0 to 1; None while there are none.

        What was skipped or cancelled says nothing about the work, and counts in neither.
        """
        tried = self.completed + self.failed
        return self.completed / tried if tried else None
