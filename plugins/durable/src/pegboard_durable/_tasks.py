"""The durable tasks of this process, by name: a resumed run finds its task here, and nothing is imported on behalf of a row."""

from __future__ import annotations

import hashlib
import inspect
import sys
import weakref
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pegboard import Task


class Tasks:
    """Tasks by `module:qualname`; the main program goes by its file, so that an import of it has the same name."""

    def __init__(self) -> None:
        self._known: weakref.WeakValueDictionary[str, Task[..., Any]] = weakref.WeakValueDictionary()

    def add(self, task: Task[..., Any]) -> None:
        """Note a task; a later one of the same name takes its place."""
        self._known[name_of(task)] = task

    def find(self, name: str) -> Task[..., Any] | None:
        """Return a task, or None."""
        return self._known.get(name)


TASKS = Tasks()


def name_of(task: Task[..., Any]) -> str:
    """Name a task as rows do."""
    module = task.__wrapped__.__module__
    return f"{_main() if module == '__main__' else module}:{task.__wrapped__.__qualname__}"


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
