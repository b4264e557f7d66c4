"""The names that a pydantic type itself holds: what else is in a path is a key of somebody's data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs


@attrs.frozen
class SchemaNames:
    """What may be shown of a path.

    Attributes:
        names: Fields, their aliases, and tags of unions.
        has_mappings: Whether there are dicts in the type, whose keys are data.
        has_number_keys: Whether those keys can be numbers, so that an index may be a key.
    """

    names: frozenset[str]
    has_mappings: bool
    has_number_keys: bool

    def shown(self, path: tuple[int | str, ...], *, ends_in_data: bool) -> Iterator[int | str]:
        """Yield what is shown of a path: data as `*`, and not the members of a union that pydantic puts in."""
        last = len(path) - 1
        for index, part in enumerate(path):
            if ends_in_data and index == last:
                yield part if part in self.names else "*"
            elif isinstance(part, int):
                yield "*" if self.has_number_keys else part
            elif part in self.names:
                yield part
            elif self.has_mappings:
                yield "*"


def names_in(schema: Mapping[str, Any]) -> SchemaNames:
    """Collect the names of a core schema."""
    names: set[str] = set()
    has_mappings = has_number_keys = False
    for each in _parts(schema):
        names.update(_names_of(each))
        if each.get("type") == "dict":
            has_mappings = True
            has_number_keys |= each.get("keys_schema", {}).get("type") != "str"
    return SchemaNames(frozenset(names), has_mappings, has_number_keys)


def _names_of(part: Mapping[str, Any]) -> Iterator[str]:
    fields = part.get("fields")
    if isinstance(fields, Mapping):
        yield from fields
    for field in (
        *_listed(fields),
        *_listed(part.get("arguments_schema")),
    ):  # of a dataclass, of a named tuple
        yield field if isinstance(field, str) else field["name"]
    if part.get("type") == "tagged-union":
        yield from (tag for tag in part["choices"] if isinstance(tag, str))
    yield from _aliases(part.get("validation_alias"))


def _listed(fields: object) -> list[Any]:
    return fields if isinstance(fields, list) else []


def _aliases(alias: object) -> Iterator[str]:
    """Yield the names in an alias: one, a path, or several paths."""
    if isinstance(alias, str):
        yield alias
    elif isinstance(alias, list):
        for each in alias:
            yield from _aliases(each)


def _parts(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield every dict in a core schema once."""
    seen: set[int] = set()
    waiting: list[Any] = [schema]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Mapping):
            if id(part) in seen:
                continue
            seen.add(id(part))
            yield part
            waiting.extend(part.values())
        elif isinstance(part, list | tuple):
            waiting.extend(part)
