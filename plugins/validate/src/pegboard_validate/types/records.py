"""Records that pydantic does not take as they are: attrs classes, and `typing.TypedDict` before Python 3.12."""

from __future__ import annotations

import typing
from collections.abc import Callable
from typing import Any

import attrs
from pydantic_core import CoreSchema, PydanticCustomError, core_schema


def attrs_schema(
    cls: Any, translated: Callable[[Any], Any], _: object, handler: Callable[[Any], CoreSchema]
) -> CoreSchema:
    """Return pydantic's schema of an attrs class: an instance passes, a mapping of its fields becomes one.

    Args:
        cls: The class.
        translated: Makes the annotation of a field one that pydantic understands.
        handler: Pydantic's: makes the schema of an annotation.
    """
    hints = typing.get_type_hints(cls, include_extras=True)
    fields = {
        field.alias: core_schema.typed_dict_field(
            handler(translated(hints.get(field.name, Any))), required=field.default is attrs.NOTHING
        )
        for field in attrs.fields(cls)
        if field.init
    }
    inner = core_schema.typed_dict_schema(fields, extra_behavior="forbid")
    return core_schema.no_info_wrap_validator_function(_maker(cls), inner)


def typed_dict_schema(
    cls: Any, translated: Callable[[Any], Any], _: object, handler: Callable[[Any], CoreSchema]
) -> CoreSchema:
    """Return pydantic's schema of a TypedDict; the arguments are those of `attrs_schema`."""
    fields = {}
    for name, annotation in typing.get_type_hints(cls, include_extras=True).items():
        wrapper = typing.get_origin(annotation)
        # By the wrapper, where there is one: before Python 3.12, one written as text is not counted in these keys.
        required = wrapper is not typing.NotRequired and (
            wrapper is typing.Required or name in cls.__required_keys__
        )
        wrapped = wrapper in (typing.Required, typing.NotRequired)
        inner = typing.get_args(annotation)[0] if wrapped else annotation
        fields[name] = core_schema.typed_dict_field(handler(translated(inner)), required=required)
    return core_schema.typed_dict_schema(fields)


def _maker(cls: Any) -> Callable[[Any, Callable[[Any], Any]], Any]:
    def make(value: Any, check: Callable[[Any], Any]) -> Any:
        if isinstance(value, cls):
            return value
        fields = check(value)
        try:
            return cls(**fields)
        except (TypeError, ValueError):  # of a validator or converter of the class; its text holds the value
            pass
        raise PydanticCustomError("attrs_class", "fields that the class takes were expected")

    return make
