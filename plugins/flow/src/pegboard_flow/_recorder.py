"""Who records calls of tasks instead of making them: set while the body of a flow runs."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from pegboard import Task


class Recorder(Protocol):
    """Puts calls in order, to be made later."""

    def add(self, task: Task[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """Record a call, and return what stands for its value."""
        ...

    def change(self, number: int, name: str | None, priority: int | None) -> None:
        """Give a recorded node another name or priority."""
        ...


current_recorder: ContextVar[Recorder | None] = ContextVar("pegboard_flow_recorder", default=None)
