"""What a task asks for: which of its values are checked, and against what."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import attrs

from pegboard import Option
from pegboard.parts import checks
from pegboard_validate._format import OutputFormat
from pegboard_validate.json.schema import is_json_schema, refuse_bad_json_schema, refuse_like_json_schema
from pegboard_validate.json.shorthand import refuse_bad_shorthand
from pegboard_validate.types.annotations import is_annotation


def _refuse_bad_spec(spec: object, where: str) -> None:
    """Raise TypeError or ValueError for what no value could be checked against.

    Args:
        spec: A type or annotation, an `OutputFormat`, JSON Schema, or shorthand.
        where: How the message calls it.
    """
    if isinstance(spec, Mapping) and is_json_schema(spec):
        refuse_bad_json_schema(spec, where)
    elif isinstance(spec, str | Mapping | list):
        if isinstance(spec, Mapping):
            refuse_like_json_schema(spec, where)
        refuse_bad_shorthand(spec, where)
    elif not isinstance(spec, OutputFormat) and not is_annotation(spec):
        raise TypeError(
            f"{where} is an instance of {type(spec).__name__}, and no value can be checked against one.\n"
            f"Give a type, an annotation, an OutputFormat, JSON Schema, or shorthand such as {{'age': 'number'}}."
        )


def _inputs(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if isinstance(value, bool):
        return
    if not isinstance(value, Mapping):
        raise TypeError(
            f"{attribute.name} is True for the annotations, False, or a dict of parameter names, "
            f"not an instance of {type(value).__name__}."
        )
    if describes_all_inputs(value):
        refuse_bad_json_schema(value, attribute.name)
        return
    if not value:
        raise ValueError(
            f"{attribute.name} names no parameter, so nothing is checked; False says that better."
        )
    for name, spec in value.items():
        if not isinstance(name, str):
            raise TypeError(f"{attribute.name} has a key {name!r}; the names of parameters are strings.")
        if spec in (OutputFormat.RAW, OutputFormat.PYDANTIC):
            raise ValueError(
                f"{attribute.name}[{name!r}] is {spec}, which says nothing of an argument. Leave it out, or give a type."
            )
        _refuse_bad_spec(spec, f"{attribute.name}[{name!r}]")


def _output(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is False:
        raise TypeError(
            f"{attribute.name} is None where nothing is checked, True for the annotation, not False."
        )
    if value is not None and value is not True:
        _refuse_bad_spec(value, attribute.name)


def _copied(spec: Any) -> Any:
    """Return a copy of a schema, so that a later change of the original goes unnoticed; anything else is itself."""
    if isinstance(spec, Mapping):
        return copy.deepcopy(dict(spec))
    return copy.deepcopy(spec) if isinstance(spec, list) else spec


@attrs.frozen(kw_only=True)
class Validate(Option):
    """Check what goes into a task and what comes out of it.

    `Validate()` checks nothing; on a task, it switches a session's default off.

    Attributes:
        inputs: True checks every argument against its parameter's annotation. A dict checks the parameters it names,
            each against a type, JSON Schema or shorthand; JSON Schema of an object with `properties` checks all
            arguments together. Before the first attempt, once a call.
        output: What the result is checked against, once an attempt: a type or any annotation, True for the return
            annotation, an `OutputFormat`, JSON Schema or shorthand. Of a stream, every item.
        strict: Whether pydantic takes only values of the very type, and coerces nothing. Schemas and shorthand never
            coerce.
    """

    plugin_name = "validate"

    inputs: bool | Mapping[str, Any] = attrs.field(default=False, validator=_inputs, converter=_copied)
    output: Any = attrs.field(default=None, validator=_output, converter=_copied)
    strict: bool = attrs.field(default=False, validator=checks.flag())


def describes_all_inputs(inputs: Mapping[str, Any]) -> bool:
    """Whether a dict is JSON Schema for all arguments together, rather than one entry for each."""
    return "$schema" in inputs or (
        inputs.get("type") == "object" and isinstance(inputs.get("properties"), Mapping)
    )
