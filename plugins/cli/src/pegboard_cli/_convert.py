"""Turning words of a command line into what a parameter's annotation asks for."""

from __future__ import annotations

import enum
import json
import types
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from pegboard import Secret

_TRUE = frozenset(("true", "yes", "on", "1"))
_FALSE = frozenset(("false", "no", "off", "0"))
_NONE = frozenset(("none", "null", ""))


def convert(word: str, annotation: Any) -> Any:
    """Convert one word.

    Strings stay as they are; without an annotation, and for lists and mappings, the word is read as JSON where it is
    JSON. A union takes the first of its types that fits.

    Raises:
        ValueError: The word does not fit; the text says what would.
    """
    origin = typing.get_origin(annotation)
    if annotation is Any:
        return _json_or_text(word)
    if origin is Literal:
        return _one_of(word, {str(value): value for value in typing.get_args(annotation)})
    if origin in (typing.Union, types.UnionType):
        return _first_that_fits(word, typing.get_args(annotation))
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return _one_of(word, dict(annotation.__members__))
    kind = origin or annotation
    if kind is Secret:
        return Secret(word)
    if kind in (list, tuple, set, frozenset):
        return _collection(word, kind, typing.get_args(annotation))
    simple = _SIMPLE.get(kind)
    return _json_or_text(word) if simple is None else simple(word)


def element_type(annotation: Any) -> Any:
    """The type of an element of a collection, or None for what is no collection."""
    if (typing.get_origin(annotation) or annotation) not in (list, tuple, set, frozenset):
        return None
    arguments = typing.get_args(annotation)
    return arguments[0] if arguments else Any


def _boolean(word: str) -> bool:
    if word.lower() in _TRUE | _FALSE:
        return word.lower() in _TRUE
    raise ValueError(f"{word!r} is neither true nor false")


def _number(kind: Callable[[str], Any], name: str) -> Callable[[str], Any]:
    def parse(word: str) -> Any:
        try:
            return kind(word)
        except ValueError:
            raise ValueError(f"{word!r} is no {name}") from None

    return parse


def _none(word: str) -> None:
    if word.lower() not in _NONE:
        raise ValueError(f"{word!r} is not none")


_SIMPLE: Mapping[Any, Callable[[str], Any]] = {
    str: str,
    bytes: str.encode,
    Path: Path,
    bool: _boolean,
    int: _number(int, "whole number"),
    float: _number(float, "number"),
    type(None): _none,
    None: _none,
}


def _one_of(word: str, choices: Mapping[str, Any]) -> Any:
    if word not in choices:
        raise ValueError(f"{word!r} is none of {', '.join(choices)}")
    return choices[word]


def _first_that_fits(word: str, choices: tuple[Any, ...]) -> Any:
    last = sorted(choices, key=lambda choice: choice is str)  # text takes anything, so it is asked last
    reasons = []
    for choice in last:
        try:
            return convert(word, choice)
        except ValueError as error:
            reasons.append(str(error))
    raise ValueError("; ".join(reasons))


def _collection(word: str, kind: type, arguments: tuple[Any, ...]) -> Any:
    try:
        values = json.loads(word)
    except ValueError:
        values = None
    if not isinstance(values, list):
        raise ValueError(f"{word!r} is no JSON list such as [1, 2]")  # noqa: TRY004 - the word is at fault
    inner = arguments[0] if arguments else Any
    return kind(convert(value, inner) if isinstance(value, str) else value for value in values)


def _json_or_text(word: str) -> Any:
    try:
        return json.loads(word)
    except ValueError:
        return word
