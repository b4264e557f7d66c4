"""What the body of a flow may say besides calling tasks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from pegboard.parts import checks
from pegboard_flow._errors import GraphError
from pegboard_flow._recorder import current_recorder
from pegboard_flow.recording.placeholder import NodePlaceholder, node_of

if TYPE_CHECKING:
    from pegboard import Task

R = TypeVar("R")
T = TypeVar("T")
_PRIORITY = checks.whole().or_none("no other than it has")


@overload
def fan_out(
    task: Task[..., Coroutine[Any, Any, T]],
    *sources: Iterable[Any],
    on_error: Literal["raise", "collect", "aggregate"] = ...,
    concurrency: int | None = ...,
    strict: bool = ...,
) -> list[T]: ...
@overload
def fan_out(
    task: Task[..., Iterator[T]] | Task[..., AsyncIterator[T]],
    *sources: Iterable[Any],
    on_error: Literal["raise", "collect", "aggregate"] = ...,
    concurrency: int | None = ...,
    strict: bool = ...,
) -> list[list[T]]: ...
@overload
def fan_out(
    task: Task[..., R],
    *sources: Iterable[Any],
    on_error: Literal["raise", "collect", "aggregate"] = ...,
    concurrency: int | None = ...,
    strict: bool = ...,
) -> list[R]: ...
def fan_out(
    task: Task[..., Any],
    *sources: Any,
    on_error: Literal["raise", "collect", "aggregate"] = "raise",
    concurrency: int | None = None,
    strict: bool = False,
) -> Any:
    """Call a task for each item of what another task gives; how many those are shows when the flow runs.

    One node of the flow, and in it a map of its own. The same as `task.map(...)`, in a flow and outside of one, for those
    who prefer a name that says so.

    Args:
        task: Called once for each item.
        sources: One for each parameter: placeholders or any iterables; the shortest ends it.
        on_error: `raise`, `collect` or `aggregate`, as for `task.map`.
        concurrency: How many calls may run at once.
        strict: Refuse sources that are not of one length.
    """
    return task.map(*sources, on_error=on_error, concurrency=concurrency, strict=strict)


def node(value: T, *, name: str | None = None, priority: int | None = None) -> T:
    """Give a node of a flow a name or a priority where it is made, and return it.

        part = node(load(day), name="today", priority=5)

    Args:
        value: What a task called in the body of a flow gave.
        name: In place of the task's, which gets a number from the second call on.
        priority: Among nodes that are ready, the higher goes first; 0 without.

    Raises:
        GraphError: Other tasks were called since, the name is taken, or it is not in the body of a flow.
    """
    recorder = current_recorder.get()
    if recorder is None or not isinstance(value, NodePlaceholder):
        raise GraphError(
            "node(...) sets up a task that is called in the body of a flow: node(task(...), priority=5).",
            graph="",
            node=name or "",
        )
    _PRIORITY.check("priority", priority, owner="node")
    recorder.change(node_of(value)[1], name, priority)
    return value
