"""Arguments that cannot mean anything, refused where they are written."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from pegboard.parts import checks

_TIMEOUT = checks.seconds(infinite=True).or_none("as long as it takes")


def arguments(args: object) -> tuple[Any, ...]:
    """Return positional arguments as a tuple; one string, or one mapping, is a mistake for `(it,)`."""
    if type(args) is tuple:
        return args
    if not isinstance(args, Iterable) or isinstance(args, str | bytes | dict):
        raise TypeError(
            f"args is a tuple of the task's positional arguments, not {type(args).__name__}: "
            f"submit(task, (one,)), or submit(task, kwargs={{...}})."
        )
    return tuple(args)


def dependencies_given(depends_on: object) -> tuple[Any, ...]:
    """Return what an item is to depend on as a tuple of items, names and ids, each once."""
    if isinstance(depends_on, str) or not isinstance(depends_on, Iterable):
        depends_on = (depends_on,)
    given = tuple(depends_on)
    for each in given:
        if not isinstance(each, str) and not hasattr(each, "_record"):
            raise TypeError(f"depends_on takes items and names of items, not {type(each).__name__}.")
    return tuple(dict.fromkeys(given))


def name_or_none(name: object) -> str | None:
    """Return the name of an item."""
    if name is not None and not isinstance(name, str):
        raise TypeError(f"the name of an item is a string, not {type(name).__name__}.")
    if name == "":
        raise ValueError("the name of an item is not empty.")
    return name


def seconds_or_none(timeout: object) -> float | None:
    """Return how long to wait; None for as long as it takes."""
    seconds = _TIMEOUT.check("timeout", timeout)
    return None if seconds is None or seconds == math.inf else float(seconds)
