"""Pydantic's errors as problems: without inputs, without keys of the data, without what custom texts quote."""

from __future__ import annotations

import functools
import typing
from typing import TYPE_CHECKING, Any

from pydantic_core import core_schema

from pegboard_validate._problem import KEPT_MOST, Problem, joined
from pegboard_validate.types.quotes import quotes
from pegboard_validate.types.schema_names import SchemaNames, names_in

if TYPE_CHECKING:
    from pydantic_core import CoreSchema, ErrorDetails, ValidationError

# What a type's author wrote, or a size; anything else in a message may come from the value.
_SAYS_NO_VALUE = frozenset(
    (
        "gt",
        "ge",
        "lt",
        "le",
        "multiple_of",
        "min_length",
        "max_length",
        "actual_length",
        "field_type",
        "pattern",
        "expected",
        "class",
        "class_name",
        "discriminator",
        "expected_tags",
        "expected_schemes",
        "expected_version",
        "expected_plural",
        "max_digits",
        "decimal_places",
        "whole_digits",
        "method_name",
        "encoding",
        "tz_expected",
    )
)
_WRITTEN_BY_HAND = frozenset(("value_error", "assertion_error"))
_INSTEAD = {
    "json_invalid": "JSON was expected, by itself or in a fenced block",
    "union_tag_invalid": "Input should have one of the expected tags",
}


class PydanticErrors:
    """Tells the problems of one type.

    Args:
        schema: Pydantic's core schema of the type; its names are looked up at the first error.
        sensitive: Whether to tell no more than path and kind.
    """

    def __init__(self, schema: CoreSchema, *, sensitive: bool) -> None:
        self._schema = schema
        self._sensitive = sensitive

    @functools.cached_property
    def _names(self) -> SchemaNames:
        return names_in(self._schema)

    def problems(self, error: ValidationError) -> tuple[Problem, ...]:
        """Return what is wrong, in pydantic's order, each once."""
        found = error.errors(include_url=False)[: KEPT_MOST + 1]
        return tuple(dict.fromkeys(self._problem(details) for details in found))

    def _problem(self, details: ErrorDetails) -> Problem:
        extra = details["type"] == "extra_forbidden"
        path = joined(self._names.shown(details["loc"], ends_in_data=extra))
        kind = details["type"]
        return Problem(path, kind, "" if self._sensitive else _expected(details, self._names.names))


def _expected(details: ErrorDetails, names: frozenset[str]) -> str:
    kind, message, context = details["type"], details["msg"], details.get("ctx", {})
    if kind in _INSTEAD:
        return _INSTEAD[kind]
    if kind in _WRITTEN_BY_HAND or kind not in _kinds():
        text = message.removeprefix("Value error, ").removeprefix("Assertion failed, ")
        return "" if quotes(text, details["input"], names) else text
    for key, said in context.items():
        if key not in _SAYS_NO_VALUE and str(said):
            before, found, _ = message.partition(str(said))
            message = before.rstrip(" ,:") if found else ""
    return message


@functools.cache
def _kinds() -> frozenset[str]:
    """The kinds of error that are pydantic's own; others are an author's."""
    return frozenset[Any](typing.get_args(core_schema.ErrorType))
