"""Turning words of a command line into what a parameter's annotation asks for."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import fractions
import json
import os
import typing
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path, PurePath
from typing import Any, Literal

from pegboard import Secret
from pegboard.parts.checks import shown
from pegboard_cli._annotations import (
    NOTHING,
    Collection,
    choices,
    collection_of,
    mapping_of,
    spelled,
)

_TRUE = frozenset(("true", "yes", "on", "1"))
_FALSE = frozenset(("false", "no", "off", "0"))
_NONE = frozenset(("none", "null", ""))


def convert(words: Sequence[str], annotation: Any) -> Any:
    """Convert what a parameter was given: one word, or for a collection several.

    Text stays as it is, `none` and `null` too. Without an annotation, and for mappings, a word is read as JSON where it is
    JSON. Of a union the first type that fits is taken; text, which takes anything, is asked last, and None after it.

    Raises:
        ValueError: The words do not fit; the text says what would.
    """
    if len(words) == 1:
        return _word(words[0], annotation)
    found = [several for choice in choices(annotation) if (several := collection_of(choice)) is not None]
    if not found:
        raise ValueError(f"it takes one value, and is given {len(words)}")
    return _first_that_fits(partial(_several, words, each) for each in found)


def _word(word: str, annotation: Any) -> Any:
    ranked = sorted(choices(annotation), key=lambda choice: _rank(word, choice))
    return _first_that_fits(partial(_one, word, choice) for choice in ranked)


def _several(words: Sequence[str], found: Collection) -> Any:
    return found.make([_word(*pair) for pair in zip(words, found.types(len(words)), strict=True)])


def _first_that_fits(attempts: Iterable[Callable[[], Any]]) -> Any:
    reasons = []
    for attempt in attempts:
        try:
            return attempt()
        except ValueError as error:
            reasons.append(str(error))
    raise ValueError("; ".join(dict.fromkeys(filter(None, reasons))) or "it takes nothing but none")


def _rank(word: str, choice: Any) -> int:
    """Say when a type of a union is asked for a word: what is exact first, what takes anything later, None last."""
    if choice is NOTHING:
        return 4
    if collection_of(choice) is not None:
        return 0 if _looks_like(word, "[") else 3
    if choice is Any or _base(choice) in _TEXTS:
        return 2
    return 1 if choice is bool else 0  # `1` is a number, where that may be one


def _one(word: str, kind: Any) -> Any:
    several = collection_of(kind)
    if several is not None:
        return _collection(word, several)
    if kind is Any:
        return _json_or_text(word)
    if typing.get_origin(kind) is Literal:
        return _one_of(word, [(_written(value), value) for value in typing.get_args(kind)])
    if _is_enum(kind):
        return _one_of(word, kind.__members__.items(), [(str(each.value), each) for each in kind])
    if mapping_of(kind) is not None:
        return _fitted(_parsed(word, "{"), kind)
    read = _SIMPLE.get(_base(kind))
    return _json_or_text(word) if read is None else read(word)


def _is_enum(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, enum.Enum)


def _base(kind: Any) -> Any:
    return typing.get_origin(kind) or kind


def _one_of(word: str, known: Iterable[tuple[str, Any]], more: Iterable[tuple[str, Any]] = ()) -> Any:
    for name, value in (*known, *more):
        if name == word:
            return value
    raise ValueError(f"{shown(word)} is none of {', '.join(name for name, _ in known)}")


def _written(value: object) -> str:
    if isinstance(value, enum.Enum):
        return value.name
    return str(value).lower() if isinstance(value, bool | None) else str(value)


def _boolean(word: str) -> bool:
    if word.lower() in _TRUE | _FALSE:
        return word.lower() in _TRUE
    raise ValueError(f"{shown(word)} is neither true nor false")


def _none(word: str) -> None:
    if word.lower() not in _NONE:
        raise ValueError  # the reasons of the other types say more


def _reader(read: Callable[[str], Any], what: str) -> Callable[[str], Any]:
    def parse(word: str) -> Any:
        try:
            return read(word)
        except (ValueError, ArithmeticError):
            raise ValueError(f"{shown(word)} is no {what}") from None

    return parse


_TEXTS: Mapping[Any, Callable[[str], Any]] = {
    str: str,
    bytes: os.fsencode,  # those that were typed, also where they are no UTF-8
    Path: Path,
    PurePath: PurePath,
    Secret: Secret,
}
_SIMPLE: Mapping[Any, Callable[[str], Any]] = {
    **_TEXTS,
    bool: _boolean,
    int: _reader(int, "whole number"),
    float: _reader(float, "number"),
    complex: _reader(complex, "number"),
    decimal.Decimal: _reader(decimal.Decimal, "number"),
    fractions.Fraction: _reader(fractions.Fraction, "number or fraction"),
    dt.datetime: _reader(dt.datetime.fromisoformat, "time such as 2024-01-31T12:00:00+00:00"),
    dt.date: _reader(dt.date.fromisoformat, "date such as 2024-01-31"),
    dt.time: _reader(dt.time.fromisoformat, "time of day such as 12:00"),
    dt.timedelta: _reader(lambda word: dt.timedelta(seconds=float(word)), "number of seconds"),
    uuid.UUID: _reader(uuid.UUID, "UUID"),
    NOTHING: _none,
}


def _collection(word: str, found: Collection) -> Any:
    """Read a collection: a JSON list, or else its only element."""
    if _looks_like(word, "["):
        return _elements(_parsed(word, "["), found)
    if found.is_fixed and len(found.elements) != 1:
        names = ", ".join(map(spelled, found.elements))
        raise ValueError(
            f"{shown(word)} is one value, and {len(found.elements)} are needed ({names}): "
            f"name it once for each, or give a JSON list"
        )
    return found.make([_word(word, found.elements[0])])


def _elements(values: Sequence[Any], found: Collection) -> Any:
    return found.make([_fitted(*pair) for pair in zip(values, found.types(len(values)), strict=True)])


def _fitted(value: Any, annotation: Any) -> Any:
    """Fit a value that was read as JSON to an annotation."""
    if isinstance(value, str):
        return _word(value, annotation)
    return _first_that_fits(partial(_fit, value, kind) for kind in choices(annotation))


def _fit(value: Any, kind: Any) -> Any:
    several, mapping = collection_of(kind), mapping_of(kind)
    if isinstance(value, list) and several is not None:
        return _elements(value, several)
    if isinstance(value, dict) and mapping is not None:
        return {_word(key, mapping[0]): _fitted(inner, mapping[1]) for key, inner in value.items()}
    is_read = _base(kind) in _SIMPLE or _is_enum(kind) or _base(kind) is Literal
    if (
        several is not None
        or mapping is not None
        or _base(kind) in _TEXTS
        or (is_read and isinstance(value, list | dict))
    ):
        raise ValueError(f"{shown(value)} is no {spelled(kind)}")
    return _one(_written(value), kind) if is_read else value


def _parsed(word: str, opening: str) -> Any:
    value = _json_or_text(word)
    what, expected = ('list such as [1, "a"]', list) if opening == "[" else ('object such as {"a": 1}', dict)
    if not isinstance(value, expected):
        raise ValueError(f"{shown(word)} is no JSON {what}")  # noqa: TRY004 - the word is at fault
    return value


def _looks_like(word: str, opening: str) -> bool:
    return word.lstrip().startswith(opening)


def _json_or_text(word: str) -> Any:
    try:
        return json.loads(word, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return word


def _refuse_constant(word: str) -> None:
    """NaN and Infinity are Python's; JSON has neither."""
    raise ValueError(word)
