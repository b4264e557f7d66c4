"""Values with placeholders in them, and what becomes of them once the nodes have run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pegboard_flow.recording.containers import maker_of
from pegboard_flow.recording.placeholder import NodePlaceholder, Placeholder, node_of, refusal

Fill = Callable[[Sequence[Any]], Any]


class Templates:
    """Reads what the body of one flow hands to its tasks.

    Args:
        recording: What the flow's nodes are recorded in; a placeholder of another is refused.
        positions: Where the value of each node will be, by the node's number.
    """

    def __init__(self, recording: object, positions: Sequence[int]) -> None:
        self._recording = recording
        self._positions = positions

    def read(self, value: Any, found: dict[int, None]) -> Fill | None:
        """Return what makes the real value of this one; None when it is real already.

        Args:
            value: Anything; lists, dicts, tuples and sets, and their subclasses, are looked into, other objects are not.
            found: Gets the number of each node whose placeholder is in it, in the order met.
        """
        if isinstance(value, Placeholder):
            return self._read_placeholder(value, found)
        if isinstance(value, dict):
            return self._read_dict(value, found)
        if isinstance(value, list | tuple | set | frozenset):
            return self._read_items(value, found)
        return None

    def _read_placeholder(self, value: Placeholder, found: dict[int, None]) -> Fill:
        if not isinstance(value, NodePlaceholder):
            return lambda _: value  # a parameter of a drawing, which never runs
        recording, number = node_of(value)
        if recording is not self._recording:
            raise refusal(
                value,
                "it comes from another run of a flow's body",
                "Return it from the flow that it belongs to, and hand on what that gives.",
            )
        found[number] = None
        positions = self._positions
        return lambda values: values[positions[number]]

    def _read_items(self, value: Any, found: dict[int, None]) -> Fill | None:
        items = [*value]
        fills = [self.read(item, found) for item in items]
        if not any(fills):
            return None
        pairs, make = [*zip(items, fills, strict=True)], maker_of(value)
        return lambda values: make([_filled(item, fill, values) for item, fill in pairs])

    def _read_dict(self, value: dict[Any, Any], found: dict[int, None]) -> Fill | None:
        pairs = [(item, self.read(item, found)) for item in value.items()]
        if not any(fill for _, fill in pairs):
            return None
        make = maker_of(value)
        return lambda values: make([_filled(item, fill, values) for item, fill in pairs])


def _filled(item: Any, fill: Fill | None, values: Sequence[Any]) -> Any:
    return item if fill is None else fill(values)
