"""A queue of items that somebody else runs."""

from __future__ import annotations

import itertools
import weakref
from heapq import heapify, heappop, heappush
from typing import Any, Literal

from pegboard.parts import checks, new_rlock
from pegboard_queue._errors import QueueFull, UnknownItem
from pegboard_queue.items.item import Item, rank, record_of
from pegboard_queue.items.state import State

_MAX_SIZE = checks.whole(least=1).or_none("no limit")


class TaskQueue:
    """Holds items in the order in which they are to be taken; it runs none. Safe for threads.

    Args:
        queue_type: `priority`: by `Item.priority`. `fifo`: the order of arrival alone.
        max_size: How many it holds at most; None for any number.
    """

    def __init__(
        self, queue_type: Literal["priority", "fifo"] = "priority", max_size: int | None = None
    ) -> None:
        if queue_type not in ("priority", "fifo"):
            raise ValueError(f"queue_type is 'priority' or 'fifo', not {checks.shown(queue_type)}.")
        self.queue_type = queue_type
        self.max_size = _MAX_SIZE.check("max_size", max_size)
        self._guard = new_rlock()
        self._arrivals = itertools.count()
        self._heap: list[tuple[int, int, Item[Any]]] = []
        self._entries: dict[Item[Any], tuple[int, int, Item[Any]]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, item: object) -> bool:
        return item in self._entries

    def __repr__(self) -> str:
        most = "" if self.max_size is None else f" of {self.max_size}"
        return f"<TaskQueue {self.queue_type}: {len(self)}{most}>"

    def enqueue(self, item: Item[Any]) -> None:
        """Put an item in the queue.

        Raises:
            QueueFull: It holds `max_size` already.
            ValueError: It holds this very item already.
        """
        if not isinstance(item, Item):
            raise TypeError(
                f"a queue holds items, not {type(item).__name__}: enqueue(Item(task, args, priority=...))."
            )
        with self._guard:
            if item in self._entries:
                raise ValueError(f"item {item.name!r} is in this queue already, and would run twice.")
            if self.max_size is not None and len(self._entries) >= self.max_size:
                raise QueueFull(
                    f"item {item.name!r} was not taken: this queue holds {self.max_size} items, as many as it may.\n"
                    f"Take some out first, or make it with a larger max_size.",
                    max_size=self.max_size,
                )
            self._put(item, next(self._arrivals))
            _queues_of(item).add(self)

    def dequeue(self) -> Item[Any] | None:
        """Take the next item out; None when the queue is empty."""
        with self._guard:
            item = self.peek()
            if item is not None:
                heappop(self._heap)
                del self._entries[item]
                _queues_of(item).discard(self)
            return item

    def peek(self) -> Item[Any] | None:
        """Return the next item and leave it there; None when the queue is empty."""
        with self._guard:
            while self._heap:
                entry = self._heap[0]
                if self._entries.get(entry[2]) is entry:
                    return entry[2]
                heappop(self._heap)  # it was put in another place
            return None

    def reorder(self, item: Item[Any] | None = None, priority: int | None = None) -> None:
        """Give one item another priority and place, as `item.priority = ...` does; without one, sort all of them anew.

        Equal ones stay in the order of arrival. A `fifo` queue keeps its order.

        Raises:
            UnknownItem: The item is not in this queue.
        """
        if item is None:
            for each in list(self._entries):
                self.replace(each)
            return
        if item not in self._entries:
            raise UnknownItem(f"item {item.name!r} is not in this queue.", wanted=item.name)
        if priority is None:
            self.replace(item)
        else:
            item.priority = priority

    def replace(self, item: Item[Any]) -> None:
        """Put an item where its priority belongs now; one that is not in this queue is left alone."""
        with self._guard:
            entry = self._entries.get(item)
            if entry is None:
                return
            self._put(item, entry[1])
            if len(self._heap) > 2 * len(self._entries) + 16:  # mostly old places
                self._heap = [*self._entries.values()]
                heapify(self._heap)

    def clear(self) -> None:
        """Take every item out."""
        with self._guard:
            for item in self._entries:
                _queues_of(item).discard(self)
            self._heap.clear()
            self._entries.clear()

    def get_queue_size(self) -> int:
        """Return how many items there are, as `len`."""
        return len(self)

    def get_tasks_by_status(self, status: State | str) -> list[Item[Any]]:
        """Return the items in one state, in the order in which they would be taken."""
        wanted = State(status)
        with self._guard:
            entries = sorted(self._entries.values(), key=lambda entry: entry[:2])
        return [item for _, _, item in entries if item.state is wanted]

    def _put(self, item: Item[Any], arrival: int) -> None:
        entry = (rank(item) if self.queue_type == "priority" else 0, arrival, item)
        self._entries[item] = entry
        heappush(self._heap, entry)


def _queues_of(item: Item[Any]) -> weakref.WeakSet[TaskQueue]:
    record = record_of(item)
    if record.queues is None:
        record.queues = weakref.WeakSet()
    return record.queues
