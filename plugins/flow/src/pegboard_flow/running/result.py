"""What a run of a graph leaves behind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs


def _type_name(value: object) -> str:
    return f"<{type(value).__name__}>"


@attrs.frozen
class GraphResult:
    """What `graph.run(...)` returns: the value or the error, and what became of every node.

    Attributes:
        value: What the call would have returned; None when it would have raised.
        error: What it would have raised, or None.
        values: What the nodes that succeeded gave, by name.
        errors: What the nodes that failed raised, by name.
        skipped: Nodes that no taken edge led to.
        cut_off: Nodes that did not run because one that they depend on failed.
        stopped: Nodes that did not run, or not to their end, because the run was stopped before.
    """

    value: Any = attrs.field(repr=_type_name)
    error: Exception | None = attrs.field(repr=_type_name)
    values: Mapping[str, Any] = attrs.field(repr=lambda values: f"<{len(values)} values>")
    errors: Mapping[str, Exception] = attrs.field(repr=lambda errors: repr(sorted(errors)))
    skipped: tuple[str, ...]
    cut_off: tuple[str, ...]
    stopped: tuple[str, ...]

    def unwrap(self) -> Any:
        """Return the value, or raise the error (the same object)."""
        if self.error is not None:
            raise self.error
        return self.value
