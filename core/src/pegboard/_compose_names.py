"""What a group of different calls is called."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

_MOST = 3


def joined(names: Iterable[str]) -> str:
    """Name a group after what it calls, each once and in order: `load, clean`; of more than three, `load, clean, count, ...`."""
    distinct = list(dict.fromkeys(names))
    return ", ".join(distinct[:_MOST] + ["..."] * (len(distinct) > _MOST))


def name_of(function: Any) -> str:
    """Name a function, or an object that can be called, after what stands in the source."""
    qualname = getattr(function, "__qualname__", type(function).__name__)
    return str(qualname).rpartition("<locals>.")[2]
