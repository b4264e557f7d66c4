"""What can be said of progress."""

from __future__ import annotations

import math


def check_amounts(done: object, total: object) -> None:
    """Refuse what is no number from 0; `total` may be None.

    Raises:
        TypeError: One of them is no number.
        ValueError: One of them is negative or not finite.
    """
    _check("done", done)
    if total is not None:
        _check("total", total)


def _check(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"progress() takes numbers, and {name} is of type {type(value).__name__}.")
    if not 0 <= value < math.inf:
        raise ValueError(f"progress() takes numbers from 0, and {name} is negative or not finite.")
