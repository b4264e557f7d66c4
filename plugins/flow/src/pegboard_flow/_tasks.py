"""What may stand at a node: a task, a function that is made one, a graph or a flow."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast, runtime_checkable

from pegboard import On, Option, Priority, Task, task
from pegboard.parts import checks
from pegboard.parts.awaiting import is_async_function, is_awaitable, loop_around, refuse_awaitable, settled

IN_THIS_PROCESS = On("threads")  # this very object, on tasks of ours that run tasks


_ON_ERROR = checks.one_of("raise", "collect", "aggregate")
_CONCURRENCY = checks.whole(least=1, type_error=ValueError).or_none("as many as there is room for")


@runtime_checkable
class Nestable(Protocol):
    """A graph or flow: something that runs tasks, and can be a task of another graph."""

    def as_task(self) -> Task[..., Any]:
        """Return a task that runs it."""
        ...


def task_of(given: Any, node: str) -> Task[..., Any]:
    """Return what runs at a node; a plain function is made a task, a lambda under the name of the node.

    Raises:
        InvalidTask: It can be none.
    """
    if is_task(given):
        return cast("Task[..., Any]", given)
    if isinstance(given, Nestable):
        return given.as_task()
    made: Task[..., Any]
    made = task(name=literal(node))(given) if getattr(given, "__name__", None) == "<lambda>" else task(given)
    return made


def is_task(given: object) -> bool:
    """Whether this is a task, or one that is bound to an object."""
    return isinstance(given, Task) or isinstance(getattr(given, "__func__", None), Task)


def runner_of(function: Callable[..., Any], name: str, *options: Option) -> Task[..., Any]:
    """Make the task that runs tasks; it stays in this process, wherever the session has its functions run."""
    placed = () if is_async_function(function) else (IN_THIS_PROCESS,)
    return task(*placed, *options, name=literal(name))(function)


def literal(name: str) -> str:
    """Write a name so that its braces are no placeholders."""
    return name.replace("{", "{{").replace("}", "}}")


def checked_mapping(
    inner: Any, sources: Sequence[object], on_error: str, concurrency: int | None, strict: bool
) -> Task[..., Any]:
    """Return a task that maps another one, and refuse here what the map would refuse when it runs.

    Raises:
        TypeError: There is nothing to map over.
        ValueError: A setting cannot mean anything.
    """
    if not sources:
        raise TypeError("a map takes at least one source: one for each parameter of the task.")
    _ON_ERROR.check("on_error", on_error)
    _CONCURRENCY.check("concurrency", concurrency)
    return mapping_task(inner, on_error, concurrency, strict)


def mapping_task(
    inner: Any, on_error: Any = "raise", concurrency: int | None = None, strict: bool = False
) -> Task[..., Any]:
    """Return a task that maps another one over iterables; the same one each time, so that its plans are kept."""
    if isinstance(inner, Task):
        return _kept_mapping(inner, on_error, concurrency, strict)
    # Kept, it would keep the object that the inner one is bound to.
    return _new_mapping(inner, on_error, concurrency, strict)


def _new_mapping(
    inner: Task[..., Any], on_error: Any, concurrency: int | None, strict: bool
) -> Task[..., Any]:
    def mapped(*iterables: Any) -> Any:
        values = inner.map(*iterables, on_error=on_error, concurrency=concurrency, strict=strict)
        return _to_be_awaited(values, inner.name) if any(map(is_awaitable, values)) else values

    async def amapped(*iterables: Any) -> list[Any]:
        values = await inner.amap(*iterables, on_error=on_error, concurrency=concurrency, strict=strict)
        return [await settled(value) for value in values]

    is_async = inner.kind in ("coroutine", "async_generator")
    first = inner.option(Priority)
    return runner_of(
        amapped if is_async else mapped, f"map {inner.name}", *(() if first is None else (first,))
    )


def _to_be_awaited(values: list[Any], name: str) -> Any:
    """Return what is to be awaited for values some of which are; refuse them where nobody awaits."""

    async def settle() -> list[Any]:
        return [await settled(value) for value in values]

    if loop_around.get() is not None:
        return settle()
    first = next(filter(is_awaitable, values))
    for value in values:
        if inspect.iscoroutine(value):
            value.close()
    refuse_awaitable(first, name, "the map")
    return values


_kept_mapping = functools.lru_cache(maxsize=1024)(_new_mapping)
