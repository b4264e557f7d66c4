"""The durable tasks of this process, by name: a resumed run finds its task here, and nothing is imported on behalf of a row."""

from __future__ import annotations

import hashlib
import inspect
import sys
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePath
from typing import Any

from pegboard import Task


class Tasks:
    """Tasks by `module:qualname`; the main program goes by its file, so that an import of it has the same name."""

    def __init__(self) -> None:
        self._known: weakref.WeakValueDictionary[str, Task[..., Any]] = weakref.WeakValueDictionary()

    def add(self, task: Task[..., Any]) -> None:
        """Note a task; a later one of the same name takes its place."""
        self._known[name_of(task)] = task

    def find(self, name: str) -> Task[..., Any] | None:
        """Return a task that was decorated as durable, or one of that name in a module that is loaded; or None."""
        known = self._known.get(name)
        return _in_module(name) if known is None else known

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """Forget in the end what was added meanwhile."""
        known = dict(self._known)
        try:
            yield
        finally:
            for name in self._known.keys() - known.keys():
                del self._known[name]
            self._known.update(known)


TASKS = Tasks()


def _in_module(name: str) -> Task[..., Any] | None:
    """Look a task up by its name, running no code: neither an import nor what a module does for a name that it lacks."""
    module, _, qualname = name.partition(":")
    found: Any = sys.modules.get("__main__" if module == _main() else module)
    for part in qualname.split("."):
        found = getattr(found, "__dict__", {}).get(part)
    return found if isinstance(found, Task) else None


def name_of(task: Task[..., Any]) -> str:
    """Name a task as rows do."""
    function = task.__wrapped__  # which may be any callable
    module = getattr(function, "__module__", None) or ""
    return f"{_main() if module == '__main__' else module}:{getattr(function, '__qualname__', task.name)}"


def _main() -> str:
    main = sys.modules["__main__"]
    spec, file = getattr(main, "__spec__", None), getattr(main, "__file__", None)
    if spec is not None:
        return str(spec.name)
    return PurePath(file).stem if isinstance(file, str) else "__main__"


def fingerprint_of(task: Task[..., Any]) -> str:
    """Return what changes with the source of a task's function; empty where there is none."""
    try:
        source = inspect.getsource(inspect.unwrap(task.__wrapped__))
    except (OSError, TypeError):
        return ""
    return hashlib.blake2b(source.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
