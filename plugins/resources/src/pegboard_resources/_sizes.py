"""Sizes of memory, as people write them."""

from __future__ import annotations

import re

from pegboard.parts import checks

_UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*")


def size_in_bytes(size: object) -> int:
    """Turn `"500MB"`, `"1.5 GiB"` or a number of bytes into bytes.

    Raises:
        TypeError: It is neither text nor a whole number.
        ValueError: It cannot be read, or is not above 0.
    """
    if isinstance(size, bool) or not isinstance(size, int | str):
        raise TypeError(
            f"a size is a text such as '500MB' or a whole number of bytes, not {checks.shown(size)}."
        )
    count = size if isinstance(size, int) else _parsed(size)
    if count < 1:
        raise ValueError(f"a size is at least one byte, and {checks.shown(size)} is less.")
    return count


def show_size(count: int) -> str:
    """Write a number of bytes in the largest decimal unit that keeps it above 1: `512 B`, `1.5 MB`."""
    for unit in ("GB", "MB", "KB"):
        if abs(count) >= _UNITS[unit]:
            return f"{count / _UNITS[unit]:.1f} {'kB' if unit == 'KB' else unit}"
    return f"{count} B"


def _parsed(text: str) -> int:
    found = _SIZE.fullmatch(text)
    factor = None if found is None else _UNITS.get(found[2].upper())
    if found is None or factor is None:
        raise ValueError(
            f"{checks.shown(text)} is no size. Write a number with one of B, kB, MB, GB, KiB, MiB, GiB: '500MB'."
        )
    return int(float(found[1]) * factor)
