"""What can be said of progress."""

from __future__ import annotations

from pegboard.parts import checks

_AMOUNT = checks.number(least=0, private=True)  # what a task counts may be a value of its inputs


def check_amounts(done: object, total: object) -> None:
    """Refuse what is no number from 0; `total` may be None.

    Raises:
        TypeError: One of them is no number.
        ValueError: One of them is negative or not finite.
    """
    _AMOUNT.check("done", done, owner="progress")
    if total is not None:
        _AMOUNT.check("total", total, owner="progress")
