"""Shorthand schemas: `{"age": "number", "tags": "array", "home": {"city": "string"}}`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pegboard.parts import checks
from pegboard_validate._problem import Problem, Unfit, joined

Find = Callable[[Any, tuple[str | int, ...]], Iterator[Problem]]

NAMES: Mapping[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
    "null": lambda value: value is None,
}
_PYTHON = {
    "str": "string",
    "float": "number",
    "int": "integer",
    "bool": "boolean",
    "list": "array",
    "dict": "object",
    "None": "null",
}


def refuse_bad_shorthand(schema: object, where: str) -> None:
    """Raise ValueError or TypeError for what is no shorthand schema.

    Args:
        schema: A name, a mapping of fields, or a list of one schema for the items of an array.
        where: How the message calls it.
    """
    if isinstance(schema, str):
        if schema not in NAMES:
            meant = f" Did you mean {_PYTHON[schema]!r}?" if schema in _PYTHON else ""
            raise ValueError(
                f"{where} is {checks.shown(schema)}, and a shorthand schema knows: {', '.join(NAMES)}.{meant}"
            )
    elif isinstance(schema, Mapping):
        if not schema:
            raise ValueError(f"{where} is an empty schema, which checks nothing. For any object: 'object'.")
        for name, field in schema.items():
            if not isinstance(name, str):
                raise TypeError(f"{where} has a field {name!r}; the names of fields are strings.")
            refuse_bad_shorthand(field, f"{where}[{name!r}]")
    elif isinstance(schema, list):
        if len(schema) != 1:
            raise ValueError(f"{where} is a list of {len(schema)}; write ['string'] for an array of strings.")
        refuse_bad_shorthand(schema[0], f"{where}[0]")
    else:
        raise TypeError(
            f"{where} is {schema!r}; a shorthand schema is made of names ({', '.join(NAMES)}), dicts and lists of one."
        )


def shorthand_check(schema: Any) -> Callable[[Any], Any]:
    """Return a function that returns a value that fits as it is, and raises `Unfit` for another.

    Every field named has to be there; others may be.
    """
    find = _finder(schema)

    def apply(value: Any) -> Any:
        problems = tuple(find(value, ()))
        if problems:
            raise Unfit(*problems)
        return value

    return apply


def _finder(schema: Any) -> Find:
    if isinstance(schema, str):
        return _of_type(schema)
    if isinstance(schema, list):
        return _of_items(_finder(schema[0]))
    return _of_fields({name: _finder(field) for name, field in schema.items()})


def _of_type(name: str) -> Find:
    fits = NAMES[name]

    def find(value: Any, path: tuple[str | int, ...]) -> Iterator[Problem]:
        if not fits(value):
            yield _wrong(name, value, path)

    return find


def _of_items(item: Find) -> Find:
    def find(value: Any, path: tuple[str | int, ...]) -> Iterator[Problem]:
        if not isinstance(value, list):
            yield _wrong("array", value, path)
            return
        for index, each in enumerate(value):
            yield from item(each, (*path, index))

    return find


def _of_fields(fields: Mapping[str, Find]) -> Find:
    def find(value: Any, path: tuple[str | int, ...]) -> Iterator[Problem]:
        if not isinstance(value, dict):
            yield _wrong("object", value, path)
            return
        for name, field in fields.items():
            if name in value:
                yield from field(value[name], (*path, name))
            else:
                yield Problem(joined((*path, name)), "missing", "this field is required")

    return find


def _wrong(name: str, value: object, path: tuple[str | int, ...]) -> Problem:
    article = "an" if name[0] in "aio" else "a"
    expected = "null" if name == "null" else f"{article} {name}"
    return Problem(joined(path), f"{name}_type", f"{expected} was expected, not {type(value).__name__}")
