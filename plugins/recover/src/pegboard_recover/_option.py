"""What a task asks for when it fails: handlers by type, a fallback, an undo."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import attrs

from pegboard import Option
from pegboard.parts import checks
from pegboard_recover._calling import refuse_async

if TYPE_CHECKING:
    from pegboard import Task

Errors = type[Exception] | tuple[type[Exception], ...]


_ERRORS = checks.exceptions(never="recovered from")
_FUNCTION = checks.callable_()


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

    error: Errors = attrs.field(validator=_ERRORS)
    function: Callable[..., Any] = attrs.field(validator=_FUNCTION)

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
    on: Errors = attrs.field(default=Exception, validator=_ERRORS, kw_only=True)

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

    function: Callable[..., Any] = attrs.field(validator=_FUNCTION)
    within: float = attrs.field(default=30.0, validator=checks.seconds(above=0), kw_only=True)

    def check(self, task: Task[..., Any]) -> None:
        """Refuse an async function on a sync task."""
        refuse_async(self.function, task, "Undo")
