"""Whether a text that somebody wrote quotes a value."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

_LEAVES_MOST = 1000
_SAID_OFTEN = (None, True, False, "")


def quotes(text: str, value: Any, names: Collection[str] = ()) -> bool:
    """Whether `text` holds `value`, or a string or number in it, as a word of its own.

    Keys in `names` do not count: an author may well speak of fields.
    A value of more than 1000 parts counts as quoted, as looking for all of them would take too long.
    """
    return any(
        count == _LEAVES_MOST or _quotes_part(text, leaf) for count, leaf in enumerate(_leaves(value, names))
    )


def _quotes_part(text: str, leaf: object) -> bool:
    if isinstance(leaf, bytes | bytearray):
        leaf = bytes(leaf).decode("utf-8", "replace")
    if any(leaf is said for said in _SAID_OFTEN):
        return False
    try:
        forms = {str(leaf), repr(leaf).strip("'\"")}
    except Exception:  # noqa: BLE001 - a Secret, or a broken __str__: nobody else could have quoted it either
        return False
    return any(re.search(rf"(?<!\w){re.escape(form)}(?!\w)", text) for form in forms if form)


def _leaves(value: Any, names: Collection[str]) -> Iterator[Any]:
    """Yield the values in nested containers and objects, keys included; what has been opened is not opened again."""
    opened: set[int] = set()
    waiting = [value]
    while waiting:
        each = waiting.pop()
        inside = _inside(each, names)
        if inside is None:
            yield each
        elif id(each) not in opened:
            opened.add(id(each))
            waiting.extend(inside)


def _inside(value: Any, names: Collection[str]) -> list[Any] | None:
    if isinstance(value, Mapping):
        return [*(key for key in value if not (isinstance(key, str) and key in names)), *value.values()]
    if isinstance(value, list | tuple | set | frozenset):
        return [*value]
    fields = getattr(value, "__dict__", None)
    return [*fields.values()] if fields and not isinstance(value, type) else None
