"""Validators of the options: they refuse a bad value where it is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pegboard.parts import checks

if TYPE_CHECKING:
    import attrs

Errors = type[Exception] | tuple[type[Exception], ...] | Callable[[Exception], bool]

errors = checks.exceptions(never="counted as its failure", functions=True)


def name(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    """Accept a string that is not empty, or None."""
    if value is None:
        return
    if not isinstance(value, str):
        raise TypeError(
            f"{attribute.name} is a string, or None for a limit of the task's own, not {checks.shown(value)}."
        )
    if not value.strip():
        raise ValueError(
            f"{attribute.name} is empty, so nobody could tell the limit by it. None is the task's own."
        )


def matcher(given: Errors) -> Callable[[Exception], bool]:
    """Return the function that tells whether an error is one of those given."""
    if isinstance(given, tuple | type):
        return lambda error: isinstance(error, given)
    return given
