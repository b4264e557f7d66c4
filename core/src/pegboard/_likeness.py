"""Making a task look like its function, to people and to `inspect`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from pegboard._names import held_by

if TYPE_CHECKING:
    from pegboard.records import Kind
    from pegboard.task import Task

P = ParamSpec("P")
R = TypeVar("R")

# What inspect looks at to tell the kind and signature of a callable that is no function.
FUNCTION_ATTRIBUTES = ("__code__", "__defaults__", "__kwdefaults__", "__annotations__")


def kind_of(function: Callable[..., Any]) -> Kind:
    """Tell the kind of a callable; of an instance, by its `__call__`."""
    body = body_of(function)
    if inspect.isasyncgenfunction(body):
        return "async_generator"
    if inspect.iscoroutinefunction(body):
        return "coroutine"
    return "generator" if inspect.isgeneratorfunction(body) else "function"


def body_of(function: Callable[..., Any]) -> Any:
    """What runs when a callable is called: of an instance that does not look like a function, its `__call__`."""
    held = held_by(function)
    return held if inspect.isroutine(held) or hasattr(held, "__code__") else type(held).__call__


def dress(task: Task[P, R], function: Callable[P, R]) -> None:
    """Make a task look like its function, to people and to `inspect`; no attribute hides a way to call the task."""
    held, body = held_by(function), body_of(function)
    task.__name__ = type(held).__name__  # of an instance, which has no names itself
    task.__qualname__ = type(held).__qualname__
    functools.update_wrapper(task, held)
    for attribute in getattr(held, "__dict__", ()):
        if hasattr(type(task), attribute) and not attribute.startswith("__"):
            task.__dict__.pop(attribute, None)
    for attribute in FUNCTION_ATTRIBUTES:
        if hasattr(body, attribute):
            setattr(task, attribute, getattr(body, attribute))
    task.__wrapped__ = function
