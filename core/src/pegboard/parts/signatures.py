"""Whether a user's function can be called the way that a plugin calls it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from pegboard.errors import BindError


def refuse_unfit(function: Callable[..., Any], *takes: str, what: str, plugin: str, task: str) -> None:
    """Refuse a function that cannot be called with so many positional arguments, or that gives something to await or iterate.

    One that does not tell its signature, as some in C, is taken.

    Args:
        function: The user's function.
        takes: What it is called with, a word for each argument.
        what: How the error names it: `Retry(wait=...)`.
        plugin: Name of the plugin that calls it.
        task: Name of the task.

    Raises:
        BindError: Saying the signature that it needs.
    """
    wrong = _wrong(function, len(takes))
    if wrong is not None:
        name = getattr(function, "__qualname__", type(function).__qualname__)
        raise BindError(
            f"task {task!r} has {what} with {name}, which {wrong}, and so could never answer.\n"
            f"Give it the signature ({', '.join(takes)}), as a plain function.",
            plugin=plugin,
            task=task,
        )


def _wrong(function: Callable[..., Any], arguments: int) -> str | None:
    if inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__):
        return "is async"
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        return "is a generator"
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return None
    try:
        signature.bind(*[None] * arguments)
    except TypeError as error:
        return f"takes {signature}: called with {arguments} it has {error}"
    return None
