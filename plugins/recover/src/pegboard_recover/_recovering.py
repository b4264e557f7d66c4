"""Asking the handlers and the fallback for a value."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from pegboard_recover._calling import Calling
from pegboard_recover._noting import note

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pegboard import Call, Task
    from pegboard.layers import Proceed
    from pegboard_recover._option import Errors


class Constant:
    """A fallback that is a value."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __call__(self, _: Call, __: BaseException) -> Any:
        """Return it."""
        return self._value

    def verify(self, _: frozenset[str]) -> None:
        """Need nothing."""


Answer = tuple["Errors", str, Calling | Constant]
"""Which errors, what a note calls it, and what gives the value."""


class Recoverer:
    """The handlers of one task, and its fallback as the last of them."""

    def __init__(self, task: Task[..., Any], answers: Sequence[Answer]) -> None:
        self._answers = answers
        self._is_async = task.kind == "coroutine"

    def verify(self, provided: frozenset[str]) -> None:
        """Refuse what could never be called."""
        for _, _, answer in self._answers:
            answer.verify(provided)

    async def run(self, call: Call, proceed: Proceed) -> Any:
        """Return the call's value, or the first that a handler or the fallback gives."""
        try:
            return await proceed(call)
        except Exception as error:
            for kinds, name, answer in self._answers:
                if not isinstance(error, kinds):
                    continue
                try:
                    value = answer(call, error)
                    if self._is_async and inspect.isawaitable(value):
                        value = await value
                    value = call.checked(value)
                except Exception as failure:  # noqa: BLE001 - the task's own error leaves, with this on it
                    note(call, error, name, failure)
                    continue
                call.source = "fallback"
                return value
            raise
