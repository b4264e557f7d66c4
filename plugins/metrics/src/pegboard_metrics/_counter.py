"""A number that only goes up."""

from __future__ import annotations

import threading
import time


class Counter:
    """A number that only goes up, from any thread.

    Attributes:
        value: The number.
        created: Unix time at which it was 0.
    """

    __slots__ = ("_guard", "created", "value")

    def __init__(self) -> None:
        self.value = 0
        self.created = time.time()
        self._guard = threading.RLock()  # a finalizer may end a call, and so count, while this thread does

    def add(self, amount: int = 1) -> None:
        """Go up."""
        with self._guard:
            self.value += amount

    @property
    def count(self) -> int:
        """How many measurements it holds."""
        return self.value
