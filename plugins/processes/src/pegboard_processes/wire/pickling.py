"""Values as bytes, for another process of the same program.

With cloudpickle installed, functions and classes that no module has by name go along: lambdas, closures, what stands in
the main script. Without it, all must be importable.
"""

from __future__ import annotations

import functools
import io
import pickle
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pegboard.tasks.task import Task


def dumps(value: object) -> bytes:
    """Turn a value into bytes.

    Raises:
        Exception: Whatever says that it cannot be; pickle has no error of its own for all of it.
    """
    with io.BytesIO() as file:
        _pickler()(file, protocol=pickle.HIGHEST_PROTOCOL).dump(value)
        return file.getvalue()


def loads(data: bytes) -> Any:
    """Make the value again. The bytes come from a process that we started, or that started us."""
    return pickle.loads(data)  # noqa: S301


@functools.cache
def _pickler() -> type[pickle.Pickler]:
    try:
        from cloudpickle import CloudPickler  # type: ignore[import-untyped]
    except ModuleNotFoundError:
        return _PlainPickler

    class _CloudPickler(CloudPickler):  # type: ignore[misc]
        """Takes tasks by value that only the main script has."""

        def reducer_override(self, obj: object) -> Any:
            reduced = _reduced(obj)
            return super().reducer_override(obj) if reduced is NotImplemented else reduced

    return _CloudPickler


class _PlainPickler(pickle.Pickler):
    """Refuses what the main script has: it would be looked up in the other process, which has another one."""

    def reducer_override(self, obj: object) -> Any:
        if isinstance(obj, type) or callable(obj):
            module = getattr(obj, "__module__", None)
            if module == "__main__" and getattr(obj, "__qualname__", None):
                raise pickle.PicklingError(
                    f"{obj!r} stands in the main script, which other processes do not have. Put it into a module, or "
                    f"install what can send it: pip install cloudpickle"
                )
        return NotImplemented


def _reduced(obj: object) -> Any:
    """Reduce a task to its parts, where it cannot be found by name."""
    if not _is_task(obj):
        return NotImplemented
    task: Any = obj
    if travels_by_name(task):
        return NotImplemented
    if not _is_found_anew(task.__module__):
        _take_along(task.__module__)
    settings = {
        "name": task.written_name,
        "description": task.description,
        "tags": task.tags,
        "sensitive": task.sensitive,
    }
    # In two steps, as the function may refer to the task it is.
    return _blank, (type(task),), (task.__wrapped__, task.options, settings), None, None, _fill


def travels_by_name(task: Task[..., Any]) -> bool:
    """Whether another process finds a task in its module; its pickle is the same at any time then."""
    module = task.__module__
    return module != "__main__" and _is_found_anew(module) and _is_importable(task)


def _is_task(obj: object) -> bool:
    tasks = sys.modules.get("pegboard.tasks.task")
    return tasks is not None and isinstance(obj, tasks.Task)


@functools.cache
def _is_found_anew(module: str) -> bool:
    """Whether another process can import a module: one that was made by hand, or by a test runner, is only here."""
    top = module.partition(".")[0]
    return module == "__main__" or any(
        finder.find_spec(top, None) is not None for finder in sys.meta_path if hasattr(finder, "find_spec")
    )


def _take_along(module: str) -> None:
    """Have functions and classes of a module travel by value."""
    from cloudpickle import register_pickle_by_value

    if module in sys.modules:
        register_pickle_by_value(sys.modules[module])


def _is_importable(task: Task[..., Any]) -> bool:
    try:
        task.__reduce__()
    except TypeError:
        return False
    return True


def _blank(cls: type[Task[..., Any]]) -> Task[..., Any]:
    return cls.__new__(cls)


def _fill(task: Task[..., Any], parts: tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]) -> None:
    function, options, settings = parts
    task.__init__(function, options, **settings)  # type: ignore[misc]
