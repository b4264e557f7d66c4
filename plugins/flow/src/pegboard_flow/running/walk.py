"""The state of one run: what is ready, what came out, what is left out. It runs nothing itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from heapq import heappop, heappush
from typing import Any

from pegboard_flow.running.shape import NO_KEYWORDS, Inputs, Shape

WAITING, DONE, FAILED, SKIPPED, CUT_OFF = range(5)
_NONE: frozenset[int] = frozenset()


class Walk:
    """A way through a shape, one node at a time; whoever runs the nodes guards it from other threads.

    Attributes:
        values: What each node gave; of one that failed its error, of one cut off by a failure that failure.
        states: What became of each node.
        ready: The numbers of nodes that may run, as a heap.
    """

    __slots__ = ("_given", "_irregular", "_pending_sources", "_refused", "ready", "shape", "states", "values")

    def __init__(self, shape: Shape, given: Inputs) -> None:
        self.shape = shape
        self.values: list[Any] = [None] * len(shape.nodes)
        self.states = bytearray(len(shape.nodes))
        self.ready = list(shape.starts)  # ascending, so a heap
        self._given = given
        self._pending_sources = [len(sources) for sources in shape.sources]
        self._refused: set[tuple[int, int]] = set()
        self._irregular = False  # whether any node failed, or any edge was not taken

    def take(self) -> int:
        """Return the ready node that goes first."""
        return heappop(self.ready)

    def inputs(self, index: int) -> Inputs:
        """Return the arguments of a node that is ready."""
        make = self.shape.nodes[index].inputs
        if make is not None:
            return make(self.values)
        sources, values = self.shape.sources[index], self.values
        if not sources:
            return self._given
        taken = self.taken_sources(index) if self._irregular else sources
        return tuple([values[source] for source in taken]), NO_KEYWORDS

    def taken_sources(self, index: int) -> Sequence[int]:
        """Return the nodes that a node that is ready has waited for, without those whose edges were not taken."""
        sources = self.shape.sources[index]
        if self._irregular:
            return [source for source in sources if self._is_taken(source, index)]
        return sources

    def succeed(self, index: int, value: Any, refused: AbstractSet[int] = _NONE) -> None:
        """Keep what a node gave; `refused` are the targets of edges that are not taken."""
        self.values[index] = value
        self.states[index] = DONE
        if refused:
            self._irregular = True
            self._refused.update((index, target) for target in refused)
        self._release_targets(index)

    def fail(self, index: int, error: BaseException) -> None:
        """Keep a failure; what depends on the node is cut off."""
        self.values[index] = error
        self.states[index] = FAILED
        self._irregular = True
        self._release_targets(index)

    def failures(self) -> Mapping[str, Any]:
        """Return the errors of the nodes that failed, by name."""
        return self._named(FAILED)

    def results(self) -> Mapping[str, Any]:
        """Return what came of the nodes that succeeded, by name."""
        return self._named(DONE)

    def names(self, state: int) -> tuple[str, ...]:
        """Return the names of the nodes in this state."""
        return tuple(self._named(state))

    def end_values(self) -> dict[str, Any]:
        """Return what came of the ends that were reached, failures included, by name."""
        return {
            self.shape.nodes[end].name: self.values[end]
            for end in self.shape.ends
            if self.states[end] not in (SKIPPED, WAITING)
        }

    def _named(self, state: int) -> dict[str, Any]:
        nodes = self.shape.nodes
        return {nodes[i].name: self.values[i] for i, found in enumerate(self.states) if found == state}

    def _release_targets(self, index: int) -> None:
        """Tell the targets of a node that it is over, and their targets if those are left out."""
        over, targets_of, left = [index], self.shape.targets, self._pending_sources
        while over:
            for target in targets_of[over.pop()]:
                left[target] -= 1
                if left[target]:
                    continue
                if self._irregular and self._is_left_out(target):
                    over.append(target)
                else:
                    heappush(self.ready, target)

    def _is_left_out(self, index: int) -> bool:
        sources = self.shape.sources[index]
        for source in sources:
            if self.states[source] in (FAILED, CUT_OFF):
                self.states[index] = CUT_OFF
                self.values[index] = self.values[source]
                return True
        if any(self._is_taken(source, index) for source in sources):
            return False
        self.states[index] = SKIPPED
        return True

    def _is_taken(self, source: int, target: int) -> bool:
        return self.states[source] == DONE and (source, target) not in self._refused
