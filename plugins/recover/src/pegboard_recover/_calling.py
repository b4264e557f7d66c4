"""Calling a user's function with what it asks for: the call's arguments, the error, or neither."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from pegboard import Task

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


def with_arguments(function: Callable[..., Any]) -> Recover:
    """Call it with the call's arguments, and `error=` if it has such a parameter; without any if it has none."""
    parameters = _parameters(function)
    if parameters == {}:
        return lambda _, __: function()
    if parameters is not None and "error" in parameters:
        return lambda call, error: function(*call.args, **{**call.kwargs, "error": error})
    return lambda call, _: function(*call.args, **call.kwargs)


def with_error_first(function: Callable[..., Any]) -> Recover:
    """Call it with the error, and the call's arguments after it as far as there is room for all of them."""
    parameters = _parameters(function)
    if parameters is None:
        return lambda _, error: function(error)
    if "error" in parameters and next(iter(parameters)) != "error":
        return with_arguments(function)
    signature = inspect.signature(function)

    def recover(call: Call, error: BaseException) -> Any:
        try:
            signature.bind(error, *call.args, **call.kwargs)
        except TypeError:
            return function(error)
        return function(error, *call.args, **call.kwargs)

    return recover


def _parameters(function: Callable[..., Any]) -> dict[str, inspect.Parameter] | None:
    try:
        return dict(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # written in C, without a signature
        return None
