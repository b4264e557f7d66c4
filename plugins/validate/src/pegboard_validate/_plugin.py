"""The plugin: what a session's checks have in common, and the layers around every task that asks for checks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pegboard import hookimpl
from pegboard_validate._builder import Builder
from pegboard_validate._option import Validate
from pegboard_validate.json.text import DEFAULT_BOUNDS, TextBounds
from pegboard_validate.layers.inputs import input_layer
from pegboard_validate.layers.outputs import output_layer

if TYPE_CHECKING:
    from pegboard import Layer, Session, Task


class Validation:
    """Checks what goes into tasks and what comes out of them, as their `Validate` says.

    Arguments are checked once a call, before its first attempt; results once an attempt, inside the retries.

    Args:
        max_size: Most characters of a text that is read as JSON; a longer one does not fit.
        max_depth: Most objects and arrays inside one another in such a text.
    """

    name = "validate"

    def __init__(self, *, max_size: int = DEFAULT_BOUNDS.size, max_depth: int = DEFAULT_BOUNDS.depth) -> None:
        self._bounds = TextBounds.checked(max_size, max_depth)

    def worker_settings(self) -> dict[str, Any]:
        """Have the same bounds in workers."""
        return {"max_size": self._bounds.size, "max_depth": self._bounds.depth}

    @hookimpl
    def bind(self, session: Session, task: Task[..., Any]) -> list[Layer] | None:
        """Put a layer around the arguments and one around the result of a task, each where something is checked."""
        option = task.option(Validate)
        if option is None:
            return None
        builder = Builder(strict=option.strict, sensitive=task.sensitive, bounds=self._bounds)
        is_default = any(option is each for each in session.defaults)
        layers = (
            input_layer(option.inputs, task, builder) if option.inputs is not False else None,
            output_layer(option.output, task, builder, required=not is_default)
            if option.output is not None
            else None,
        )
        return [layer for layer in layers if layer is not None] or None
