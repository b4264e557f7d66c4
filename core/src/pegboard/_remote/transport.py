"""The error for a value that cannot travel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pegboard.errors import TransportError

if TYPE_CHECKING:
    from pegboard.tasks.task import Task


def transport_error(
    task: Task[..., Any],
    index: int | None,
    what: str,
    value: object,
    error: Exception,
    *,
    travelled: bool = False,
) -> TransportError:
    """Say that a value cannot travel, and why; the value itself is not shown.

    Args:
        task: The task.
        index: The item of a map, or None.
        what: What the value is to the call.
        value: The value; None where it could not be made again.
        error: What pickle said.
        travelled: Whether it left the other process, and cannot be made again in this one.
    """
    cls = type(value)
    name = "" if travelled else f"{cls.__module__}.{cls.__qualname__}"
    where = "" if index is None else f" (item {index} of a map)"
    reason = "" if task.sensitive else f": {type(error).__name__}: {error}"
    fault = (
        f"{what} cannot be made again from its pickle"
        if travelled
        else f"{what}, a {name}, cannot be pickled"
    )
    return TransportError(
        f"task {task.name!r}{where}: {fault}{reason}\n"
        f"What travels between processes has to be. Pass a path, an id or plain data instead, or run the task on threads.",
        task=task.name,
        index=index,
        what=what,
        type=name,
    )
