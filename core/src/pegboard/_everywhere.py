"""Names of the plugins that every outermost session of the process gets; see `pegboard.instrumenting`."""

from __future__ import annotations

import threading

_guard = threading.Lock()
_names: tuple[str, ...] = ()


def add(name: str) -> None:
    """Have sessions that start from now on attach this plugin."""
    global _names
    with _guard:
        if name not in _names:
            _names = (*_names, name)


def remove(name: str) -> None:
    """Take `add` back."""
    global _names
    with _guard:
        _names = tuple(each for each in _names if each != name)


def names() -> tuple[str, ...]:
    """Return what is attached everywhere now."""
    return _names
