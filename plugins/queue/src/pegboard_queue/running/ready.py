"""The items that may run: the best of them first."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import Any

from pegboard_queue.items.item import Item, rank, record_of


class ReadyItems:
    """Items that are ready, by priority and then by submission; the manager's guard is held.

    An item that is no longer ready is not looked for: its entry is not the one that its record names, and is dropped
    when it comes first.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Item[Any]]] = []
        self._wakers: list[Callable[[], object]] = []

    def add(self, item: Item[Any]) -> None:
        """Put an item among them; whoever waits for one looks again."""
        record = record_of(item)
        entry = (rank(item), record.number, item)
        record.ready_entry = entry
        heappush(self._heap, entry)
        if self._wakers:
            self.wake()

    def replace(self, item: Item[Any], count: int) -> None:
        """Put an item where its priority belongs now; `count` is how many are ready."""
        self.add(item)
        if len(self._heap) > 2 * count + 16:  # mostly old places
            self._heap = [entry for entry in self._heap if record_of(entry[2]).ready_entry is entry]
            heapify(self._heap)

    def first(self) -> Item[Any] | None:
        """Return the best one; None when there is none."""
        heap = self._heap
        while heap:
            entry = heap[0]
            if record_of(entry[2]).ready_entry is entry:
                return entry[2]
            heappop(heap)
        return None

    def when_added(self, waker: Callable[[], object]) -> None:
        """Call this once when any item becomes ready."""
        self._wakers.append(waker)

    def wake(self) -> None:
        """Have those look again who wait for what becomes ready."""
        wakers, self._wakers = self._wakers, []
        for waker in wakers:
            waker()
