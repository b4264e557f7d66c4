"""What a task's annotations say of the words that its parameters take."""

from __future__ import annotations

import collections
import functools
import inspect
import sys
import types
import typing
from collections import abc
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

NOTHING = type(None)
_LISTS: Mapping[Any, Callable[[Iterable[Any]], Any]] = {
    list: list,
    set: set,
    frozenset: frozenset,
    collections.deque: collections.deque,
    abc.Sequence: list,
    abc.MutableSequence: list,
    abc.Collection: list,
    abc.Iterable: list,
    abc.Set: set,
    abc.MutableSet: set,
}
_MAPPINGS = (dict, abc.Mapping, abc.MutableMapping)


class Collection(NamedTuple):
    """What a collection is made of.

    Attributes:
        make: Makes it of its elements.
        elements: The type of each element; of one that takes any number, a single type.
        is_fixed: Whether it takes as many elements as there are types.
    """

    make: Callable[[Iterable[Any]], Any]
    elements: tuple[Any, ...]
    is_fixed: bool = False

    def types(self, count: int) -> tuple[Any, ...]:
        """Return the types of so many elements.

        Raises:
            ValueError: It takes another number of them.
        """
        if not self.is_fixed:
            return self.elements * count
        if count != len(self.elements):
            names = ", ".join(map(spelled, self.elements))
            raise ValueError(f"it takes {len(self.elements)} values ({names}), and is given {count}")
        return self.elements


def hints_of(function: Any, signature: inspect.Signature) -> dict[str, Any]:
    """Resolve the annotations of the parameters; one that cannot be is not known, and its words are read as JSON or text.

    One without an annotation and with a flag as its default is a flag.
    """
    while isinstance(function, functools.partial) or hasattr(function, "__wrapped__"):
        function = function.func if isinstance(function, functools.partial) else function.__wrapped__
    names = getattr(function, "__globals__", None) or vars(sys.modules.get(type(function).__module__, sys))
    found = {parameter.name: _hint(parameter, names) for parameter in signature.parameters.values()}
    return {name: hint for name, hint in found.items() if hint is not Any}


def _hint(parameter: inspect.Parameter, names: dict[str, Any]) -> Any:
    if parameter.annotation is parameter.empty:
        return bool if isinstance(parameter.default, bool) else Any
    holder = types.SimpleNamespace(__annotations__={"hint": parameter.annotation})
    try:
        return typing.get_type_hints(holder, names)["hint"]
    except Exception:  # noqa: BLE001 - evaluating it is running it
        return Any


def choices(annotation: Any) -> list[Any]:
    """Return the types that an annotation allows: those of a union, without aliases and metadata."""
    annotation = _plain(annotation)
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return [each for part in typing.get_args(annotation) for each in choices(part)]
    return [annotation]


def is_flag(annotation: Any) -> bool:
    """Whether a name alone says all: `--flag`, `--no-flag`, and for `bool | None` neither."""
    return bool in (found := choices(annotation)) and set(found) <= {bool, NOTHING}


def collection_of(annotation: Any) -> Collection | None:
    """Return what a collection is made of; None for what is none."""
    kind: Any = typing.get_origin(annotation) or annotation
    arguments = typing.get_args(annotation)
    if kind is tuple:
        if annotation in (tuple, typing.Tuple):  # noqa: UP006 - as somebody may have written it
            return Collection(tuple, (Any,))
        if len(arguments) == 2 and arguments[1] is ...:
            return Collection(tuple, arguments[:1])
        return Collection(tuple, arguments, is_fixed=True)
    if isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "_fields"):
        named: Any = kind
        hints = typing.get_type_hints(named)
        return Collection(named._make, tuple(hints.get(name, Any) for name in named._fields), is_fixed=True)
    make = _LISTS.get(kind) if isinstance(kind, abc.Hashable) else None
    return None if make is None else Collection(make, arguments[:1] or (Any,))


def mapping_of(annotation: Any) -> tuple[Any, Any] | None:
    """Return the types of the keys and values of a mapping; None for what is none."""
    if (typing.get_origin(annotation) or annotation) not in _MAPPINGS:
        return None
    key, value = typing.get_args(annotation) or (Any, Any)
    return key, value


def takes_several(annotation: Any) -> bool:
    """Whether any of the types that an annotation allows is a collection."""
    return any(collection_of(choice) is not None for choice in choices(annotation))


def spelled(annotation: Any) -> str:
    """Write a type as a person would."""
    annotation = _plain(annotation)
    if annotation in (NOTHING, ...):
        return "None" if annotation is NOTHING else "..."
    arguments = typing.get_args(annotation)
    if typing.get_origin(annotation) is typing.Literal:
        return " | ".join(map(repr, arguments))
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return " | ".join(map(spelled, arguments))
    kind = typing.get_origin(annotation) or annotation
    name = getattr(kind, "__name__", None) or str(kind)
    return f"{name}[{', '.join(map(spelled, arguments))}]" if arguments else name


def _plain(annotation: Any) -> Any:
    """Take aliases, `NewType`, `Annotated` and type variables off."""
    while True:
        if typing.get_origin(annotation) is typing.Annotated:
            annotation = annotation.__origin__
        elif hasattr(annotation, "__supertype__"):
            annotation = annotation.__supertype__
        elif type(annotation).__name__ == "TypeAliasType":
            annotation = annotation.__value__
        elif isinstance(annotation, typing.TypeVar):
            annotation = annotation.__bound__ or Any
        elif annotation is object:
            return Any
        elif annotation is None:
            return NOTHING
        else:
            return annotation
