"""Finding a task by `module:task` or `path/to/file.py:task`."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import click

from pegboard import Task, texts
from pegboard_cli._failures import preparing


class Target(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """A command-line argument that names a task."""

    name = "task"

    def convert(
        self,
        value: Any,
        param: click.Parameter | None,  # noqa: ARG002
        ctx: click.Context | None,  # noqa: ARG002
    ) -> Any:
        """Load the task, or fail as a misuse of the command."""
        if isinstance(value, Task):
            return value
        with preparing(f"{value} cannot be imported: "):
            return load_task(value)


def imported(place: str) -> ModuleType:
    """Import a module, or fail as a misuse of the command."""
    with preparing(f"{place} cannot be imported: "):
        return load_module(place)


def load_task(text: str) -> Task[..., Any]:
    """Import what `text` names.

    Raises:
        click.UsageError: There is no such module, file or task; the message says what there is.
    """
    place, colon, name = text.rpartition(":")
    if not colon or not place:
        return _only_module(text)
    module = load_module(place)
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            raise click.UsageError(f"{place} has no {name!r}.{_choices(module, name)}")
        found = getattr(found, part)
    if isinstance(found, Task) or isinstance(getattr(found, "__func__", None), Task):  # of a class
        return cast("Task[..., Any]", found)
    raise click.UsageError(
        f"{text} is {texts.a(type(found).__name__)}, and no task: decorate it with @task.{_choices(module, name)}"
    )


def load_module(place: str) -> ModuleType:
    """Import a module by name, from the current folder too, or a file by its path."""
    if place.endswith(".py") or "/" in place or "\\" in place:
        return _load_file(Path(place))
    _first_on_path(Path.cwd())
    try:
        return importlib.import_module(place)
    except ModuleNotFoundError as error:
        if error.name is None or not (place == error.name or place.startswith(f"{error.name}.")):
            raise  # the module is there, and something that it imports is not
        raise click.UsageError(
            f"there is no module {place!r} in this folder or among what is installed.\n"
            f"For a file, give its path: pegboard run path/to/{place.rpartition('.')[2]}.py:task"
        ) from None


def _load_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise click.UsageError(f"there is no file {str(path)!r}.")
    _first_on_path(path.resolve().parent)
    name = path.stem if path.stem not in sys.modules else f"pegboard_file_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise click.UsageError(f"{str(path)!r} is no Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _first_on_path(folder: Path) -> None:
    """Let a program import its neighbours, as `python file.py` and `python -m module` do."""
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _only_module(text: str) -> Task[..., Any]:
    module = load_module(text.rstrip(":"))
    raise click.UsageError(f"name a task of it: {text.rstrip(':')}:<task>.{_choices(module, '')}")


def _choices(module: ModuleType, wanted: str) -> str:
    """Say which tasks a module has, the nearest name first."""
    tasks = [name for name, value in vars(module).items() if isinstance(value, Task)]
    if not tasks:
        return f" There is no task in {module.__name__}."
    near = difflib.get_close_matches(wanted, tasks, 1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"{hint} Tasks: {', '.join(sorted(tasks))}."
