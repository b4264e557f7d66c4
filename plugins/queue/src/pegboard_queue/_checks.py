"""Arguments that cannot mean anything, refused where they are written."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any


def whole(what: str, value: object, least: int | None = None) -> int:
    """Return a whole number, of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{what} is a whole number, not {type(value).__name__}.")
    if least is not None and value < least:
        raise ValueError(f"{what} is a whole number from {least}, not {value}.")
    return value


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


def name_or_none(name: object) -> str | None:
    """Return the name of an item."""
    if name is not None and not isinstance(name, str):
        raise TypeError(f"the name of an item is a string, not {type(name).__name__}.")
    if name == "":
        raise ValueError("the name of an item is not empty.")
    return name


def seconds_or_none(timeout: object) -> float | None:
    """Return how long to wait."""
    if timeout is None:
        return None
    if isinstance(timeout, bool) or not isinstance(timeout, int | float):
        raise TypeError(f"timeout is a number of seconds, or None, not {type(timeout).__name__}.")
    if math.isnan(timeout) or timeout < 0:
        raise ValueError(f"timeout is a number of seconds from 0, not {timeout!r}.")
    return None if timeout == math.inf else float(timeout)
