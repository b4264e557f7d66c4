"""How a task says how far it is."""

from __future__ import annotations

from pegboard import current_call
from pegboard_progress._amounts import check_amounts


def progress(done: float, total: float | None = None) -> None:
    """Say how far the running task is; does nothing outside a call, or where nobody listens.

    Args:
        done: How much is done, counted from 0, in units of your own: items, bytes.
        total: How much there is to do; None when that is not known.

    Raises:
        TypeError: One of them is no number.
        ValueError: One of them is negative or not finite.
    """
    check_amounts(done, total)
    call = current_call()
    if call is not None and "on_progress" in call.session.events:
        call.emit("on_progress", done, total)
