"""A number that only goes up."""

from __future__ import annotations

import time

from pegboard.parts import new_rlock
from pegboard_metrics._family import Bound


class Counter(Bound):
    """A number that only goes up, from any thread.

    Args:
        above: What counts the same of more sessions, and goes up with it; or None.

    Attributes:
        value: The number.
        created: Unix time at which it was 0.
    """

    __slots__ = ("_above", "_guard", "created", "value")

    def __init__(self, above: Counter | None = None) -> None:
        self._above = above
        self._guard = new_rlock()  # a finalizer may end a call, and so count, while this thread does
        self.begin_anew()

    def begin_anew(self) -> None:
        """Begin at 0, also in a forked child."""
        self.value: float = 0
        self.created = time.time()

    def add(self, amount: float = 1) -> None:
        """Go up."""
        if amount < 0:
            raise ValueError(f"a counter only goes up, and {amount!r} would take it down: measure a gauge.")
        with self._guard:
            self.value += amount
        if self._above is not None:
            self._above.add(amount)

    @property
    def count(self) -> float:
        """How many measurements it holds."""
        return self.value
