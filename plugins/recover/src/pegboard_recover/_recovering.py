"""Asking the handlers and the fallback for a value."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from pegboard_recover._noting import note

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pegboard import Call, Task
    from pegboard.layers import Proceed
    from pegboard_recover._calling import Recover
    from pegboard_recover._option import Errors


class Recoverer:
    """The handlers of one task, and its fallback as the last of them."""

    def __init__(self, task: Task[..., Any], answers: Sequence[tuple[Errors, str, Recover]]) -> None:
        self._answers = answers
        self._is_async = task.kind == "coroutine"

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
                except Exception as failure:  # noqa: BLE001 - the task's own error leaves, with this on it
                    note(call, error, name if name == "fallback" else f"handler {name}", failure)
                    continue
                call.source = "fallback"
                return value
            raise
