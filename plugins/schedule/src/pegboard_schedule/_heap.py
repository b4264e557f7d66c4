"""The entries of a schedule in the order in which they are due."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pegboard_schedule._entry import Entry

_STALE_LEAST = 64


class DueHeap:
    """A heap whose entries may change or leave at any time: what is out of date is dropped when it comes up."""

    def __init__(self) -> None:
        self._items: list[tuple[float, int, int, Entry]] = []
        self._stale = 0

    def put(self, entry: Entry) -> None:
        """Take an entry in by its `due`, in place of what is known of it."""
        heappush(self._items, (entry.due, entry.order, entry.turn, entry))

    def forget(self, entry: Entry) -> None:
        """Make what is known of an entry count for nothing."""
        entry.turn += 1
        self._stale += 1
        if self._stale > _STALE_LEAST and self._stale > len(self._items) // 2:
            self._items = [item for item in self._items if item[2] == item[3].turn]
            heapify(self._items)
            self._stale = 0

    def first_due(self) -> float | None:
        """Return when the first entry is due, in seconds since the epoch; None if there is none."""
        items = self._items
        while items:
            due, _, turn, entry = items[0]
            if turn == entry.turn:
                return due
            heappop(items)
            self._stale -= 1
        return None

    def pop(self) -> Entry:
        """Take the entry out that `first_due` told of."""
        return heappop(self._items)[3]

    def clear(self) -> None:
        """Forget all entries."""
        self._items.clear()
        self._stale = 0
