"""How large a value is in memory, roughly and quickly."""

from __future__ import annotations

import sys
from itertools import islice
from typing import Any

_SAMPLE = 64
_DEPTH_MOST = 12
_CONTAINERS = (list, tuple, set, frozenset, dict)


def estimate(value: object, depth: int = 0) -> int:
    """Estimate the bytes that `value` holds.

    Of a large container 64 items are measured and the rest is taken to be like them, so the cost does not grow with
    the value. What two values share is counted in both.
    """
    size = max(sys.getsizeof(value, 64), _buffer(value))
    if depth >= _DEPTH_MOST:
        return size
    if isinstance(value, _CONTAINERS):
        return size + _items(value, depth)
    state = getattr(value, "__dict__", None)
    if type(state) is dict and not isinstance(value, type):
        size += estimate(state, depth + 1)
    return size + sum(estimate(item, depth + 1) for item in _slots(value))


def _items(container: Any, depth: int) -> int:
    count = len(container)
    if count == 0:
        return 0
    sample: list[object] = list(islice(container, _SAMPLE))
    if isinstance(container, dict):
        sample += islice(container.values(), _SAMPLE)
    return sum(estimate(item, depth + 1) for item in sample) * count // min(count, _SAMPLE)


def _buffer(value: object) -> int:
    size = getattr(value, "nbytes", 0)  # arrays, and views that do not own their memory
    return size if type(size) is int else 0


def _slots(value: object) -> list[object]:
    found = []
    for cls in type(value).__mro__:
        names = cls.__dict__.get("__slots__", ())
        for name in (names,) if isinstance(names, str) else names:
            if name not in {"__dict__", "__weakref__"} and hasattr(value, name):
                found.append(getattr(value, name))  # noqa: PERF401 - clearer than three nested loops in one line
    return found
