"""How tasks travel: by the name of their function."""

from __future__ import annotations

import importlib
import inspect
from typing import TYPE_CHECKING, Any, TypeGuard, cast

from pegboard.errors import InvalidTask

if TYPE_CHECKING:
    from pegboard.options import Option
    from pegboard.tasks.task import Task


class PickledByName:
    """What makes a task travel: not its code, but the name that it is found under where it arrives."""

    def __reduce__(self) -> tuple[Any, ...]:
        task = cast("Task[..., Any]", self)
        module, qualname = task.__module__, task.__qualname__
        if _function_of(_find(module, qualname)) is not task.__wrapped__:
            raise InvalidTask(
                f"task {task.name!r} cannot be pickled: {module}:{qualname} is not its function.\n"
                f"Tasks travel by name. Define this one at the top of a module, or in a class that is there."
            )
        settings = (task.options, task.written_name, task.description, task.tags, task.sensitive)
        return _unpickle, (module, qualname, type(task), *settings)


def _find(module: str, qualname: str) -> Any:
    """Return what is found under a name, free of the descriptor it may be in; None when there is nothing."""
    try:
        found: Any = importlib.import_module(module)
        for part in qualname.split("."):
            found = inspect.getattr_static(found, part)
    except (ImportError, AttributeError):
        return None
    if isinstance(found, classmethod | staticmethod) and not _is_task(found):
        return found.__func__
    return found


def _function_of(found: Any) -> Any:
    """Return the function of a task, also where another decorator is around it; of anything else, the thing itself."""
    inner = inspect.unwrap(found, stop=_is_task) if callable(found) else found
    return inner.__wrapped__ if _is_task(inner) else found


def _unpickle(
    module: str,
    qualname: str,
    cls: type[Task[..., Any]],
    options: tuple[Option, ...],
    name: str | None,
    description: str,
    tags: tuple[str, ...],
    sensitive: bool,
) -> Task[..., Any]:
    """Find a task by module and qualified name; one made by `with_options` is made again from what is found."""
    found = _find(module, qualname)
    if not callable(found):
        raise InvalidTask(
            f"a pickled task cannot be loaded: there is no function or task {module}:{qualname}.\n"
            f"Tasks travel by name; the code that loads one needs the module that the code which saved it had."
        )
    made = cls(
        _function_of(found), options, name=name, description=description, tags=tags, sensitive=sensitive
    )
    return found if _is_task(found) and _settings(found) == _settings(made) else made


def _settings(task: Task[..., Any]) -> tuple[object, ...]:
    return type(task), task.options, task.name, task.description, task.tags, task.sensitive


def _is_task(found: object) -> TypeGuard[Task[..., Any]]:
    return isinstance(found, PickledByName)
