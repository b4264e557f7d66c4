"""The names of modules, the same in every process."""

from __future__ import annotations

import sys
import types
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

_MAIN = ("__main__", "__mp_main__")
_learned: list[str] = []  # the main program's name, in a process that runs another one: a worker


def module_name(name: str | None) -> str:
    """Name a module; the main program goes by its file, so that an import of it has the same name."""
    return _name_of_main() if name in _MAIN else str(name)


def module_of(thing: Any) -> str:
    """Name the module of a function or class; one of the main program that came to a worker tells what that is."""
    name = thing.__module__
    if name not in _MAIN:
        return str(name)
    told = _told_by(_names_seen_by(thing))
    if told is None:
        return _name_of_main()
    if told not in _learned:
        _learned.append(told)
    return told


def _names_seen_by(thing: Any) -> Mapping[str, Any]:
    if isinstance(thing, type):
        functions = (part for part in vars(thing).values() if isinstance(part, types.FunctionType))
        # Not by their `__module__`, which a library that adds methods may have set.
        seen = (each.__globals__ for each in functions)
        return next((names for names in seen if names.get("__name__") in _MAIN), {})
    return getattr(thing, "__globals__", {})


def _name_of_main() -> str:
    told = _told_by(vars(sys.modules["__main__"]))
    if told is not None:
        return told
    return _learned[-1] if _learned else "__main__"


def _told_by(names: Mapping[str, Any]) -> str | None:
    """What the names in a main program tell about it; those that come along with a function have no `__spec__`."""
    spec = names.get("__spec__")
    if spec is not None:
        return str(spec.name)
    file = names.get("__file__")
    if not isinstance(file, str):
        return None
    package = names.get("__package__")
    return f"{package}.{PurePath(file).stem}" if package else PurePath(file).stem
