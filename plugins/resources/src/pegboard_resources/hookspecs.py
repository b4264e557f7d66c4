"""The event that this plugin brings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pegboard import hookspec

if TYPE_CHECKING:
    from pegboard import Call


@hookspec
def on_memory_growth(call: Call, grown: int, limit: int) -> None:
    """Called at the end of a call, when the process grew by more than the task's limit.

    Args:
        call: The call that went over the limit, by itself or together with the calls of its task before it.
        grown: Bytes of resident memory.
        limit: `memory_limit` of the task, in bytes.
    """
