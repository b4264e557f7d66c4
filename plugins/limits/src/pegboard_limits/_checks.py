"""Validators of the options: they refuse a bad value where it is written."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import attrs

Errors = type[Exception] | tuple[type[Exception], ...] | Callable[[Exception], bool]
Validator = Callable[[Any, "attrs.Attribute[Any]", Any], None]


def seconds(*, zero: bool, none: str = "") -> Validator:
    """Accept a finite number of seconds: more than 0, or with `zero` that too; None where `none` says what it means."""
    least = "of at least 0" if zero else "greater than 0"
    also = f", or None for {none}" if none else ""

    def check(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
        if value is None and none:
            return
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError(f"{attribute.name} is a number of seconds{also}, not {value!r}.")
        if not math.isfinite(value) or value < 0 or (value == 0 and not zero):
            raise ValueError(f"{attribute.name} is a finite number of seconds {least}{also}, not {value!r}.")

    return check


def count(*, none: str = "") -> Validator:
    """Accept a whole number of at least 1; None where `none` says what it means."""
    also = f", or None for {none}" if none else ""

    def check(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
        if value is None and none:
            return
        if type(value) is not int:
            raise TypeError(f"{attribute.name} is a whole number{also}, not {value!r}.")
        if value < 1:
            raise ValueError(f"{attribute.name} is a whole number of at least 1{also}, not {value}.")

    return check


def name(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    """Accept a string that is not empty, or None."""
    if value is None:
        return
    if not isinstance(value, str):
        raise TypeError(
            f"{attribute.name} is a string, or None for a limit of the task's own, not {value!r}."
        )
    if not value.strip():
        raise ValueError(
            f"{attribute.name} is empty, so nobody could tell the limit by it. None is the task's own."
        )


def errors(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    """Accept an exception class, several, or a function of the error."""
    if callable(value) and not isinstance(value, type):
        return
    for kind in value if isinstance(value, tuple) else (value,):
        if not isinstance(kind, type) or not issubclass(kind, BaseException):
            raise TypeError(
                f"{attribute.name} takes exception classes, or a function of the error, not {kind!r}."
            )
        if not issubclass(kind, Exception):
            raise ValueError(  # noqa: TRY004 - the type is right, this class is not
                f"{attribute.name} holds {kind.__name__}, which ends a program or a task and never counts as its failure."
            )


def matcher(given: Errors) -> Callable[[Exception], bool]:
    """Return the function that tells whether an error is one of those given."""
    if isinstance(given, tuple | type):
        return lambda error: isinstance(error, given)
    return given
