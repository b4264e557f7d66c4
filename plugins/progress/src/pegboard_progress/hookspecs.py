"""The event that this plugin brings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pegboard import hookspec

if TYPE_CHECKING:
    from pegboard import Call


@hookspec
def on_progress(call: Call, done: float, total: float | None) -> None:
    """Called when a task says how far it is.

    Args:
        call: The call that says so.
        done: How much is done, in units of the task's own, counted from 0.
        total: How much there is to do; None when that is not known.
    """
