"""A number that is set."""

from __future__ import annotations


class Level:
    """The last value of a gauge; assigning it is atomic.

    Attributes:
        value: Its value, 0 at first.
        count: How often it was set.
    """

    __slots__ = ("count", "value")

    def __init__(self) -> None:
        self.value = 0.0
        self.count = 0

    def set(self, value: float) -> None:
        """Take a new value."""
        self.value = value
        self.count += 1
