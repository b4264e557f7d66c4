"""What may be asked of a value: a type, a format, JSON Schema or shorthand; refused where it is written."""

from __future__ import annotations

import copy
import types
import typing
from collections.abc import Mapping
from typing import Any

from pegboard_validate._format import OutputFormat
from pegboard_validate.json.schema import is_json_schema, refuse_bad_json_schema
from pegboard_validate.json.shorthand import refuse_bad_shorthand


def refuse_bad_spec(spec: object, where: str) -> None:
    """Raise TypeError or ValueError for what no value could be checked against.

    Args:
        spec: A type or annotation, an `OutputFormat`, JSON Schema, or shorthand.
        where: How the message calls it.
    """
    if isinstance(spec, Mapping) and is_json_schema(spec):
        refuse_bad_json_schema(spec, where)
    elif isinstance(spec, str | Mapping | list):
        refuse_bad_shorthand(spec, where)
    elif not isinstance(spec, OutputFormat) and not is_annotation(spec):
        raise TypeError(
            f"{where} is an instance of {type(spec).__name__}, and no value can be checked against one.\n"
            f"Give a type, an annotation, an OutputFormat, JSON Schema, or shorthand such as {{'age': 'number'}}."
        )


def is_annotation(spec: object) -> bool:
    """Whether something can stand where a type does."""
    return (
        spec is Any
        or isinstance(spec, type | types.UnionType | typing.NewType | typing.TypeVar)
        or typing.get_origin(spec) is not None
        or type(spec).__name__ == "TypeAliasType"  # of typing, and of typing_extensions before Python 3.12
    )


def kept(spec: Any) -> Any:
    """Return a copy of a schema, so that a later change of the original goes unnoticed; anything else is itself."""
    if isinstance(spec, Mapping):
        return copy.deepcopy(dict(spec))
    return copy.deepcopy(spec) if isinstance(spec, list) else spec
