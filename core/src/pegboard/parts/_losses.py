"""What was not delivered: counted by reason, and told."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from typing import Literal

from pegboard.parts.forks import new_rlock
from pegboard.privacy import loggable

Reason = Literal["queue_full", "send_failed", "deadline", "ended"]
Tell = Callable[[int, Reason], object]

_log = logging.getLogger("pegboard.parts")


class Losses:
    """The items of one `Background`, in one process, that did not arrive.

    Args:
        name: Whose, for the log.
        tell: Called with the number and the reason of what was lost, where somebody wants to know.
    """

    def __init__(self, name: str, tell: Tell | None) -> None:
        self._name = name
        self._tell = tell
        self._guard = new_rlock()
        self._counts: Counter[Reason] = Counter()
        self._said = 0
        self.number = 0

    @property
    def counts(self) -> dict[Reason, int]:
        """How many were lost, by reason."""
        with self._guard:
            return dict(self._counts)

    def add(self, number: int, reason: Reason) -> None:
        """Count some more; none is no loss."""
        if number <= 0:
            return
        with self._guard:
            self.number += number
            self._counts[reason] += number
        if self._tell is not None:
            try:
                self._tell(number, reason)
            except Exception as error:  # noqa: BLE001 - whatever a plugin raises
                told = loggable(error)
                _log.error("%s: on_loss(%d, %r) failed", self._name, number, reason, exc_info=told)

    def sum_up(self) -> None:
        """Say what was lost since the last time, unless somebody else is told."""
        with self._guard:
            number, self._said = self.number - self._said, self.number
        if number and self._tell is None:
            reasons = ", ".join(f"{reason} {count}" for reason, count in self.counts.items())
            _log.warning("%s: %d items were not delivered (in all: %s)", self._name, number, reasons)
