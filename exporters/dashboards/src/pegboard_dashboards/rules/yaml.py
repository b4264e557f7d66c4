"""Writing the little YAML that rule files need, so that nothing has to be installed for it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence


def to_yaml(value: Mapping[str, object]) -> str:
    """Write nested mappings and sequences of texts and numbers."""
    return "\n".join([*_lines(value), ""])


def _lines(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _entry(f"{key}:", item, "  ")
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for item in value:
            first, *rest = _lines(item)
            yield f"- {first}"
            yield from (f"  {line}" for line in rest)
    else:
        yield _scalar(value)


def _entry(key: str, item: object, indent: str) -> Iterator[str]:
    if isinstance(item, str) and key == "expr:" and "\n" in item:
        yield f"{key} |-"
        yield from (f"{indent}{line}" for line in item.splitlines())
    elif isinstance(item, Mapping | Sequence) and not isinstance(item, str):
        yield key
        yield from (f"{indent}{line}" for line in _lines(item))
    else:
        yield f"{key} {_scalar(item)}"


def _scalar(value: object) -> str:
    """Write a text in single quotes, in which only the quote itself has a meaning; one with control characters as JSON."""
    if not isinstance(value, str):
        return str(value)
    return "'" + value.replace("'", "''") + "'" if value.isprintable() else json.dumps(value)
