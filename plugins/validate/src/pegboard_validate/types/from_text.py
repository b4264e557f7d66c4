"""Types that no text is an instance of, so that a text must be JSON for one."""

from __future__ import annotations

import collections.abc
import dataclasses
import types
import typing
from typing import Annotated, Any

import attrs

_CONTAINERS = frozenset(
    (
        list,
        tuple,
        set,
        frozenset,
        dict,
        collections.abc.Mapping,
        collections.abc.MutableMapping,
        collections.abc.MutableSequence,
        collections.abc.Set,
        collections.abc.MutableSet,
    )
)


def reads_text(annotation: Any) -> bool:
    """Whether a text given for this annotation is read as JSON: for records, containers, and unions of them with None."""
    origin = typing.get_origin(annotation)
    if origin is Annotated:
        return reads_text(typing.get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        members = [each for each in typing.get_args(annotation) if each is not type(None)]
        return all(reads_text(each) for each in members)
    if isinstance(annotation, typing.NewType):
        return reads_text(annotation.__supertype__)
    if type(annotation).__name__ == "TypeAliasType":
        return reads_text(annotation.__value__)
    cls = origin or annotation
    return isinstance(cls, type) and (cls in _CONTAINERS or is_record(cls))


def is_record(cls: object) -> bool:
    """Whether a class has named fields: a pydantic model, a dataclass, an attrs class or a TypedDict."""
    return isinstance(cls, type) and (
        is_model(cls) or dataclasses.is_dataclass(cls) or attrs.has(cls) or _is_typed_dict(cls)
    )


def _is_typed_dict(cls: type) -> bool:
    """Whether it is a TypedDict, of typing or of typing_extensions."""
    return dict in cls.__mro__ and hasattr(cls, "__required_keys__")


def is_model(cls: object) -> bool:
    """Whether a class is a pydantic model; asked without importing pydantic."""
    return isinstance(cls, type) and any(
        base.__name__ == "BaseModel" and base.__module__ == "pydantic.main" for base in cls.__mro__
    )
