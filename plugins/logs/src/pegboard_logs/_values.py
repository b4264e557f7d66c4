"""Values of any kind as JSON may show them."""

from __future__ import annotations

import math
from collections.abc import Callable

from pegboard import Secret
from pegboard_logs._message import MASK

DEEPEST = 8
_LARGEST = 2**63  # what readers of JSON take; and a longer one may be refused by Python itself

Mask = Callable[[str], str]


def json_value(value: object, mask: Mask, depth: int = 0) -> object:
    """Return what JSON shows of a value: texts, numbers, lists and dicts as they are, of anything else the type.

    A `Secret` is `***`. Only exact built-in types count: a subclass has code of its own. What lies deeper than 8 levels
    is shown by its type as well, so circles end.
    """
    kind = type(value)
    if value is None or kind is bool:
        return value
    if kind is str:
        return mask(value)  # type: ignore[arg-type]
    if kind is int:
        return value if -_LARGEST <= value < _LARGEST else _type_of(value)  # type: ignore[operator]
    if kind is float:
        return value if math.isfinite(value) else str(value)  # type: ignore[arg-type]
    if isinstance(value, Secret):
        return MASK
    if depth < DEEPEST and kind in (list, tuple):
        return [json_value(item, mask, depth + 1) for item in value]  # type: ignore[attr-defined]
    if depth < DEEPEST and kind is dict:
        return {_key(key, mask): json_value(item, mask, depth + 1) for key, item in value.items()}  # type: ignore[attr-defined]
    return _type_of(value)


def _key(key: object, mask: Mask) -> str:
    shown = json_value(key, mask, DEEPEST)
    return shown if isinstance(shown, str) else str(shown)


def _type_of(value: object) -> str:
    return f"<{type(value).__name__}>"
