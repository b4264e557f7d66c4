"""Which calls ran by themselves, and what the process gained meanwhile."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from pegboard.parts import after_fork, new_rlock

if TYPE_CHECKING:
    from pegboard import Call


class Memory(NamedTuple):
    """What a call did to the memory of the process.

    Attributes:
        growth: Bytes of resident memory gained; negative when it shrank.
        peak: Most bytes of Python objects above those at its beginning; None when allocations are not traced.
        nested: Whether a call of the same task was around it, which counts the same growth.
    """

    growth: int
    peak: int | None
    nested: bool


class _Node:
    """A call that runs."""

    __slots__ = ("base", "below", "peak", "resident", "shared", "task", "up")

    def __init__(self, task: str, up: _Node | None) -> None:
        self.task = task
        self.up = up
        self.below: set[_Node] = set()
        self.shared = False
        self.resident: int | None = None
        self.base = 0
        self.peak = 0


class Tracker:
    """Follows all calls of the plugin's sessions while memory is measured.

    Memory belongs to the whole process. So what it gained during a call is that call's only if nothing else ran: neither a call
    beside it, nor one beside those around it. Calls that it made itself are part of it.

    Args:
        resident: Reads the resident memory.
        allocations: Whether tracemalloc runs.

    Attributes:
        on: Whether calls have to be reported.
    """

    def __init__(self, resident: Callable[[], int], *, allocations: bool) -> None:
        self.on = False
        self._resident = resident
        self._allocations = allocations
        # The collector may end a stream, which is a call, while it is held.
        self._guard = new_rlock()
        self._nodes: dict[Call, _Node] = {}
        self._top: set[_Node] = set()
        after_fork(self._begin_anew)

    def _begin_anew(self) -> None:
        """In a child process: of the calls that ran, only that which forked goes on, and its memory is not the parent's."""
        self._guard = new_rlock()
        self._nodes = {}
        self._top = set()

    def turn_on(self, running: dict[Call, None]) -> None:
        """Follow calls from now on, those that run already included."""
        with self._guard:
            if not self.on:
                self.on = True
                for call in sorted([*running], key=lambda call: call.number):
                    if call in running:
                        self._begin(call)

    def begin(self, call: Call, *, measured: bool) -> None:
        """Note that a call begins."""
        with self._guard:
            node = self._begin(call)
            if measured:
                node.resident = self._resident()

    def _begin(self, call: Call) -> _Node:
        found = self._nodes.get(call)
        if found is not None:
            return found
        up = None if call.parent is None else self._nodes.get(call.parent)
        node = self._nodes[call] = _Node(call.task.name, up)
        self._place(node)
        if self._allocations:
            node.base = node.peak = self._turn_page(up)
        return node

    def _place(self, node: _Node) -> None:
        beside = self._top if node.up is None else node.up.below
        if beside:  # with two or more, all of them are marked
            node.shared = True
            if len(beside) == 1:
                next(iter(beside)).shared = True
        beside.add(node)

    def end(self, call: Call) -> Memory | None:
        """Note that a call has ended; None when it was not measured, or its share cannot be told."""
        with self._guard:
            node = self._nodes.pop(call, None)
            if node is None:
                return None
            (self._top if node.up is None else node.up.below).discard(node)
            if self._allocations:
                self._turn_page(node)
                if node.up is not None:
                    node.up.peak = max(node.up.peak, node.peak)
            for left in list(node.below):  # goes on after the call that made it
                left.up = node.up
                self._place(left)
            if node.resident is None or not _alone(node):
                return None
            growth = self._resident() - node.resident
        return Memory(growth, max(node.peak - node.base, 0) if self._allocations else None, _nested(node))

    def _turn_page(self, until_now: _Node | None) -> int:
        """Note the peak so far on the call it belongs to, and begin a new one; returns what is taken now."""
        now, peak = tracemalloc.get_traced_memory()
        if until_now is not None:
            until_now.peak = max(until_now.peak, peak)
        tracemalloc.reset_peak()
        return now


def _alone(node: _Node) -> bool:
    each: _Node | None = node
    while each is not None:
        if each.shared:
            return False
        each = each.up
    return True


def _nested(node: _Node) -> bool:
    each = node.up
    while each is not None:
        if each.task == node.task:
            return True
        each = each.up
    return False
