"""A number that is set."""

from __future__ import annotations

from pegboard.parts import new_rlock
from pegboard_metrics._family import Bound


class Level(Bound):
    """The last value of one label set of a gauge.

    Attributes:
        value: Its value, 0 at first.
        count: How often it was set.
    """

    __slots__ = ("_guard", "count", "value")

    def __init__(self) -> None:
        self._guard = new_rlock()  # a finalizer may set it while this thread does
        self.begin_anew()

    def begin_anew(self) -> None:
        """Begin without a value, also in a forked child."""
        self.value = 0.0
        self.count = 0

    def set(self, value: float) -> None:
        """Take a new value."""
        with self._guard:
            self.value = value
            self.count += 1

    def add(self, amount: float = 1) -> None:
        """Go up, or down."""
        with self._guard:
            self.set(self.value + amount)

    @property
    def value_if_set(self) -> float | None:
        """Its value, or None before it was first set: 0 would say something."""
        return self.value if self.count else None
