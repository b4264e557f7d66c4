"""Which spans a node waited for, where its run is traced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pegboard.records import DEPENDS_ON, NODE

if TYPE_CHECKING:
    from pegboard import Call
    from pegboard.running.open_group import OpenGroup
    from pegboard_flow.running.shape import Inputs
    from pegboard_flow.running.walk import Walk

_Ids = tuple[str | None, str | None]


class Spans:
    """Notes the spans of nodes that are over, and tells the calls of those that waited for them.

    Attributes:
        wanted: False once it is known that nobody traces this run, so that its nodes need not be asked.
    """

    __slots__ = ("_ids", "_traced", "_walk", "wanted")

    def __init__(self, walk: Walk) -> None:
        self.wanted = True
        self._traced = False
        self._walk = walk
        self._ids: dict[int, _Ids] = {}

    def make(self, group: OpenGroup, index: int, inputs: Inputs) -> Call:
        """Make the call of a node that is ready."""
        args, kwargs = inputs
        node = self._walk.shape.nodes[index]
        call = group.make(node.task, *args, **kwargs)
        if group.group.wants_names:
            call.state[NODE] = node.name
        known = self._ids if self.wanted else None  # else of some nodes alone
        waited_for = known and [known[source] for source in self._walk.taken_sources(index)]
        if waited_for:
            call.state[DEPENDS_ON] = waited_for
        return call

    def note(self, index: int, call: Call) -> None:
        """Keep the ids of a node that succeeded.

        A function that ran without a span says that nobody traces; a value from a cache may have come without one.
        """
        trace_id = call.trace_id
        if trace_id is not None:
            self._traced = True
        elif not self._traced and call.source == "run":
            self.wanted = False
            return
        self._ids[index] = (trace_id, call.span_id)
