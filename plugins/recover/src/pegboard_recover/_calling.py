"""Calling a user's function with what it asks for: the call's arguments, the error, or neither."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import partial
from inspect import Parameter, Signature
from typing import TYPE_CHECKING, Any

from pegboard import BindError, InvalidTask, Task
from pegboard_recover._arguments import Arguments, fit, forms, possible_calls

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


class Calling:
    """A user's function, and how it is called for a task.

    Args:
        function: The function.
        task: The task.
        option: Name of the option that has it.
        is_handler: Whether it is told the error before the arguments, unless it has a parameter for it further behind.
    """

    def __init__(
        self, function: Callable[..., Any], task: Task[..., Any], option: str, *, is_handler: bool = False
    ) -> None:
        self._function = function
        self._task = task
        self._option = option
        self._signature = _signature_of(function)
        self._error_first = is_handler and not self._has_place_for_error_behind()
        self._error_by_name = not self._error_first and self._takes_error_by_name()

    def __call__(self, call: Call, error: BaseException) -> Any:
        """Call it with what it asks for; where nothing fits, what it raises says what is wrong."""
        kwargs = {name: value for name, value in call.kwargs.items() if name not in call.provided}
        passed = call.args, kwargs
        if self._signature is None:
            return self._function(error) if self._error_first else self._function(*call.args, **kwargs)
        if not self._signature.parameters:
            return self._function()
        expected = without(self._task.signature, call.provided)
        found = next(self._fitting(self._signature, expected, passed, error), None)
        args, kwargs = self._with_error(passed, error) if found is None else found
        return self._function(*args, **kwargs)

    def verify(self, provided: frozenset[str]) -> None:
        """Refuse a function that no call of the task could be recovered with.

        Raises:
            BindError: Saying what it would have to take.
        """
        if not self._signature or not self._signature.parameters:
            return
        try:
            expected = without(self._task.signature, provided)
        except (TypeError, ValueError):  # of a task in C, without a signature
            return
        calls = [each for each in possible_calls(expected, self._signature) if fit(expected, *each)]
        if not any(any(self._fitting(self._signature, expected, passed, True)) for passed in calls):
            raise self._refusal(expected)

    def _fitting(
        self, signature: Signature, expected: Signature, passed: Arguments, error: object
    ) -> Iterator[Arguments]:
        """Yield the forms that fit; the last is without any arguments of the call."""
        for form in (*forms(expected, signature, passed), ((), {})):
            args, kwargs = self._with_error(form, error)
            if fit(signature, args, kwargs):
                yield args, kwargs

    def _with_error(self, form: Arguments, error: object) -> Arguments:
        args, kwargs = form
        if self._error_first:
            return (error, *args), kwargs
        return args, ({**kwargs, "error": error} if self._error_by_name else kwargs)

    def _has_place_for_error_behind(self) -> bool:
        """Whether `error` is a parameter that is not the first, or that takes no position."""
        parameters = {} if self._signature is None else self._signature.parameters
        found = parameters.get("error")
        return found is not None and (next(iter(parameters)) != "error" or found.kind is found.KEYWORD_ONLY)

    def _takes_error_by_name(self) -> bool:
        found = None if self._signature is None else self._signature.parameters.get("error")
        return (
            found is not None
            and found.kind in (found.POSITIONAL_OR_KEYWORD, found.KEYWORD_ONLY)
            and "error" not in self._task.signature.parameters
        )

    def _refusal(self, expected: Signature) -> BindError:
        name = self._task.name
        parameters = list(expected.replace(return_annotation=Signature.empty).parameters.values())
        error = Parameter("error", Parameter.POSITIONAL_OR_KEYWORD)
        wanted = (
            f"({error}{''.join(f', {each}' for each in parameters)})" if self._error_first else f"{expected}"
        )
        others = "(error)" if self._error_first else "(), or an error= beside them"
        return BindError(
            f"task {name!r} has {self._option} with {name_of(self._function)}{self._signature}, which no call of the task could ever "
            f"be answered with: it is called with {'the error and ' if self._error_first else ''}the arguments as they were passed.\n"
            f"Give it the signature {wanted}, or {others}.",
            plugin="recover",
            task=name,
        )


def without(signature: Signature, names: frozenset[str]) -> Signature:
    """Return a signature without the parameters that layers fill in."""
    if not names:
        return signature
    return signature.replace(
        parameters=[each for each in signature.parameters.values() if each.name not in names]
    )


def _signature_of(function: Callable[..., Any]) -> Signature | None:
    try:
        return inspect.signature(function)
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
