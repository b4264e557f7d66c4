"""How many items travel together: so many that sending them costs little beside running them."""

from __future__ import annotations

_MOST_SECONDS = 0.02
_LEAST_SECONDS = 0.003
_ITEMS_MOST = 4_096
_BYTES_MOST = 1_000_000
_GROWTH = 16


class ChunkSize:
    """Begins with few items for each chunk, and grows with what is learnt of them.

    Towards the end each worker is to have a share, unless that would be so little that the sending counts more.

    Args:
        total: How many items there are, where that is known.
        workers: How many chunks run at once.
        first: How many items the first chunks have.

    Attributes:
        now: How many items the next chunk should have.
    """

    def __init__(self, total: int | None, workers: int, first: int = 1) -> None:
        self.now = max(first, 1)
        self._left = total
        self._workers = workers
        self._wanted = self.now
        self._least = 1

    def weigh(self, items: int, size: int) -> None:
        """Take note of a chunk that was sent: how many items, how many bytes."""
        self._wanted = max(1, min(self._wanted, int(_BYTES_MOST * items / max(size, 1))))
        if self._left is not None:
            self._left = max(self._left - items, 0)
        self._settle()

    def learn(self, items: int, seconds: float) -> None:
        """Take note of how long the items of a chunk took together."""
        if items:
            each = max(seconds / items, 1e-7)
            self._least = int(_LEAST_SECONDS / each)
            self._wanted = max(1, min(int(_MOST_SECONDS / each), items * _GROWTH, _ITEMS_MOST))
            self._settle()

    def _settle(self) -> None:
        self.now = self._wanted
        if self._left is not None:
            share = -(-self._left // (2 * self._workers))
            self.now = max(1, min(self._wanted, max(share, self._least)))
