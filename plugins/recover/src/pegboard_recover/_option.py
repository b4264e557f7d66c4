"""What a task asks for when it fails: handlers by type, a fallback, an undo."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import attrs

from pegboard import Option
from pegboard_recover._calling import refuse_async

if TYPE_CHECKING:
    from pegboard import Task

Errors = type[Exception] | tuple[type[Exception], ...]


def _errors(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    for kind in value if isinstance(value, tuple) else (value,):
        if not isinstance(kind, type) or not issubclass(kind, BaseException):
            raise TypeError(f"{attribute.name} takes an exception class, or a tuple of them, not {kind!r}.")
        if not issubclass(kind, Exception):
            raise ValueError(  # noqa: TRY004 - the type is right, this class is not
                f"{attribute.name} holds {kind.__name__}, which ends a program or a task and is never recovered from."
            )


def _function(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if not callable(value):
        raise TypeError(f"{attribute.name} is a function, not {value!r}.")


def _seconds(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{attribute.name} is a number, not {value!r}.")
    if not math.isfinite(value) or value <= 0:
        raise ValueError(f"{attribute.name} is a finite number above 0, not {value!r}.")


@attrs.frozen
class Handle(Option):
    """Answer an error of a certain type with a function's value.

    A task may have several; the first that matches, in the order written, is asked. One that raises passes the error on to
    the next that matches, and those to the fallback.

    Attributes:
        error: The class of errors, or several, subclasses included.
        function: Takes the error, and after it the call's arguments if it has room for them; or, with a parameter
            `error` that is not its first, the call's arguments and that. Sync or, for a coroutine task, async.
    """

    plugin_name = "recover"
    kinds = frozenset({"function", "coroutine"})
    repeatable = True

    error: Errors = attrs.field(validator=_errors)
    function: Callable[..., Any] = attrs.field(validator=_function)

    def check(self, task: Task[..., Any]) -> None:
        """Refuse an async function on a sync task."""
        refuse_async(self.function, task, "Handle")


@attrs.frozen
class Fallback(Option):
    """Answer any error with a value, once retries and handlers have had their turn.

    Attributes:
        value: What to return; or a function, sync or, for a coroutine task, async, that takes the call's arguments, and the
            error as `error=` if it has a parameter of that name. A function without parameters is called without.
        on: Which errors to answer: a class, or several.
    """

    plugin_name = "recover"
    kinds = frozenset({"function", "coroutine"})

    value: Any
    on: Errors = attrs.field(default=Exception, validator=_errors, kw_only=True)

    def check(self, task: Task[..., Any]) -> None:
        """Refuse an async function on a sync task."""
        if callable(self.value):
            refuse_async(self.value, task, "Fallback")


@attrs.frozen
class Undo(Option):
    """Take back what was done, when no value came out: the task failed and nothing recovered it, or it was cancelled.

    Attributes:
        function: Takes the call's arguments, and the error as `error=` if it has a parameter of that name; or nothing.
            What it returns is dropped. Sync or, for a coroutine task, async.
        within: How long an async one may take, in seconds. Until then a cancellation has to wait for it.
    """

    plugin_name = "recover"

    function: Callable[..., Any] = attrs.field(validator=_function)
    within: float = attrs.field(default=30.0, validator=_seconds, kw_only=True)

    def check(self, task: Task[..., Any]) -> None:
        """Refuse an async function on a sync task."""
        refuse_async(self.function, task, "Undo")
