"""Annotations as pydantic understands them: what it does not know, or would treat in a way of its own, is replaced."""

from __future__ import annotations

import collections.abc
import functools
import operator
import sys
import types
import typing
from typing import Annotated, Any

import attrs
from pydantic import GetPydanticSchema
from pydantic_core import core_schema

from pegboard_validate.types.annotations import says_nothing
from pegboard_validate.types.records import attrs_schema, typed_dict_schema

# Pydantic wraps these, and checks each item when it is taken: too late for a check before the first attempt, and only
# the first attempt would find any.
_LAZY = frozenset(
    (
        collections.abc.Iterable,
        collections.abc.Iterator,
        collections.abc.Generator,
        collections.abc.AsyncIterable,
        collections.abc.AsyncIterator,
        collections.abc.AsyncGenerator,
    )
)


def translated(annotation: Any, within: tuple[type, ...] = ()) -> Any:
    """Return an annotation that pydantic understands.

    Attrs classes, and on Python 3.11 each `typing.TypedDict`, are checked field by field; iterables are checked to be
    some, and not touched; what only type checkers understand, such as `Self`, becomes Any. What is inside pydantic models and dataclasses is pydantic's own affair.

    Raises:
        TypeError: An attrs class or a TypedDict holds itself, directly or not.
    """
    if annotation is ...:  # of `tuple[int, ...]`
        return annotation
    if says_nothing(annotation):
        return Any
    if isinstance(annotation, type) and typing.get_origin(annotation) is None:
        return _class(annotation, within)
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in _LAZY:
        return _instance_of(origin)
    if origin is None or origin is typing.Literal or not arguments:
        return annotation
    if origin is Annotated:
        return Annotated[(translated(arguments[0], within), *arguments[1:])]
    replaced = tuple(each if isinstance(each, list) else translated(each, within) for each in arguments)
    if replaced == arguments:
        return annotation
    if origin in (typing.Union, types.UnionType):
        return functools.reduce(operator.or_, replaced)
    return origin[replaced]


def _class(cls: type, within: tuple[type, ...]) -> Any:
    if cls in _LAZY:
        return _instance_of(cls)
    if attrs.has(cls):
        make = attrs_schema
    elif typing.is_typeddict(cls) and sys.version_info < (3, 12):
        make = typed_dict_schema
    else:
        return cls
    if cls in within:
        raise TypeError(
            f"{cls.__name__} holds itself; that cannot be checked. A pydantic model may hold itself."
        )

    def inside(annotation: Any) -> Any:
        return translated(annotation, (*within, cls))

    return Annotated[cls, GetPydanticSchema(functools.partial(make, cls, inside))]


def _instance_of(cls: type) -> Any:
    return Annotated[cls, GetPydanticSchema(lambda _, __: core_schema.is_instance_schema(cls))]
