"""What a task asks for: which of its values are checked, and against what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from pegboard import Option
from pegboard_validate._format import OutputFormat
from pegboard_validate._spec import kept, refuse_bad_spec
from pegboard_validate.json.schema import refuse_bad_json_schema


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
        refuse_bad_spec(spec, f"{attribute.name}[{name!r}]")


def _output(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is False:
        raise TypeError(
            f"{attribute.name} is None where nothing is checked, True for the annotation, not False."
        )
    if value is not None and value is not True:
        refuse_bad_spec(value, attribute.name)


def _flag(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, bool):
        raise TypeError(f"{attribute.name} is True or False, not an instance of {type(value).__name__}.")


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

    inputs: bool | Mapping[str, Any] = attrs.field(default=False, validator=_inputs, converter=kept)
    output: Any = attrs.field(default=None, validator=_output, converter=kept)
    strict: bool = attrs.field(default=False, validator=_flag)


def describes_all_inputs(inputs: Mapping[str, Any]) -> bool:
    """Whether a dict is JSON Schema for all arguments together, rather than one entry for each."""
    return "$schema" in inputs or (
        inputs.get("type") == "object" and isinstance(inputs.get("properties"), Mapping)
    )
