"""Calling a user's function with what it asks for: the call's arguments, the error, or neither."""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from pegboard import InvalidTask, Task

if TYPE_CHECKING:
    from pegboard import Call

Recover = Callable[["Call", BaseException], Any]
"""Takes the call and the error, and calls the function it was made of."""


def is_async(function: Callable[..., Any]) -> bool:
    """Whether calling it gives something to await."""
    if isinstance(function, Task):
        return function.kind == "coroutine"
    while isinstance(function, partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


def with_arguments(function: Callable[..., Any], task: Task[..., Any]) -> Recover:
    """Call it with the call's arguments, and `error=` if it has such a parameter; without any if it has none.

    They have the task's defaults, and go by position as the task has them, or by name where that does not fit. A parameter
    `error` that the task has too is the task's.
    """
    parameters = _parameters(function)
    if parameters is None:
        return lambda call, _: function(*call.args, **call.kwargs)
    if parameters == {}:
        return lambda _, __: function()
    signature = inspect.signature(function)
    takes_error = "error" in parameters and "error" not in task.signature.parameters

    def recover(call: Call, error: BaseException) -> Any:
        more = {"error": error} if takes_error else {}
        forms = _forms(call)
        for args, kwargs in forms:
            if _fits(signature, args, {**kwargs, **more}):
                return function(*args, **{**kwargs, **more})
        args, kwargs = forms[0]
        return function(*args, **{**kwargs, **more})  # which says what is wrong with them

    return recover


def _forms(call: Call) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
    """The call's arguments, the task's defaults included: in the task's order, then by name; and as they were passed."""
    inputs = call.inputs
    bound = inspect.BoundArguments(call.task.signature, OrderedDict(inputs))
    return [(bound.args, bound.kwargs), ((), dict(inputs)), (call.args, call.kwargs)]


def _fits(signature: inspect.Signature, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    try:
        signature.bind(*args, **kwargs)
    except TypeError:
        return False
    return True


def with_error_first(function: Callable[..., Any], task: Task[..., Any]) -> Recover:
    """Call it with the error, and the call's arguments after it as far as there is room for all of them."""
    parameters = _parameters(function)
    if parameters is None:
        return lambda _, error: function(error)
    if "error" in parameters and next(iter(parameters)) != "error":
        return with_arguments(function, task)
    signature = inspect.signature(function)

    def recover(call: Call, error: BaseException) -> Any:
        for args, kwargs in _forms(call):
            if _fits(signature, (error, *args), kwargs):
                return function(error, *args, **kwargs)
        return function(error)

    return recover


def _parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter] | None:
    try:
        return dict(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # written in C, without a signature
        return None


def refuse_async(function: Callable[..., Any], task: Task[..., Any], option: str) -> None:
    """Refuse an async function on a task that has no event loop to await it in.

    Raises:
        InvalidTask: Saying what to give it instead.
    """
    if is_async(function) and task.kind in ("function", "generator"):
        raise InvalidTask(
            f"{option} has the async function {name_of(function)}, and the sync task {task.name!r} has no event loop to "
            f"await it in. Give it a plain function."
        )


def name_of(function: object) -> str:
    """Name a function in an error."""
    return getattr(function, "__qualname__", type(function).__qualname__)
