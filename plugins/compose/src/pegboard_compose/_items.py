"""What can be handed to `gather` and `parallel`: calls that have not begun."""

from __future__ import annotations

import functools
import inspect
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from pegboard.running.one import carried, in_new_loop, in_thread
from pegboard.running.open_group import GroupItem

if TYPE_CHECKING:
    from pegboard import Task
    from pegboard.running.open_group import OpenGroup

_NAMES_MOST = 3


class Item(GroupItem):
    """One call, or something else to run, that has not begun.

    Attributes:
        task: The task it calls, where that is known beforehand.
        is_async: Whether it needs an event loop.
    """

    __slots__ = ()
    task: Any = None  # a Task or None; declared as such, a type checker would bind it
    is_async: bool

    @property
    @abstractmethod
    def name(self) -> str:
        """The task's name, or the function's."""


class TaskItem(Item):
    """A task and its arguments."""

    __slots__ = ("_args", "_kwargs", "is_async", "task")

    def __init__(self, task: Task[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.task = task
        self._args = args
        self._kwargs = kwargs
        self.is_async = task.kind in ("coroutine", "async_generator")

    @property
    def name(self) -> str:
        name: str = self.task.name
        return name

    def run(self, group: OpenGroup, index: int) -> Any:
        return group.run_item(index, self.task, self._args, self._kwargs)

    def arun(self, group: OpenGroup, index: int) -> Awaitable[Any]:
        return group.await_item(index, self.task, self._args, self._kwargs)


class AwaitableItem(Item):
    """A future, an asyncio task, or what else can be awaited."""

    __slots__ = ("_awaitable",)
    is_async = True

    def __init__(self, awaitable: Awaitable[Any]) -> None:
        self._awaitable = awaitable

    @property
    def name(self) -> str:
        return type(self._awaitable).__name__

    def run(self, group: OpenGroup, index: int) -> Any:
        return in_new_loop(lambda: self.arun(group, index), self.name)

    def arun(self, group: OpenGroup, index: int) -> Awaitable[Any]:  # noqa: ARG002 - nothing of it carries the index
        group.group.calls += 1
        return self._awaitable


class CoroutineItem(AwaitableItem):
    """A coroutine, of a task or of anything else."""

    __slots__ = ()
    _awaitable: Coroutine[Any, Any, Any]

    @property
    def name(self) -> str:
        return name_of(self._awaitable)

    def arun(self, group: OpenGroup, index: int) -> Awaitable[Any]:
        return group.join(index, self._awaitable)


class FunctionItem(Item):
    """Something to call without arguments; what it gives is run on, if it can be awaited."""

    __slots__ = ("_function", "is_async")

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function
        self.is_async = is_coroutine_function(function)

    @property
    def name(self) -> str:
        return name_of(_taken_apart(self._function)[0])

    def run(self, group: OpenGroup, index: int) -> Any:
        value = self._function()
        if inspect.isawaitable(value):
            return _of_awaitable(value).run(group, index)
        group.group.calls += 1
        return value

    async def arun(self, group: OpenGroup, index: int) -> Any:
        value = self._function() if self.is_async else await in_thread(carried, self._function)
        if inspect.isawaitable(value):
            return await _of_awaitable(value).arun(group, index)
        group.group.calls += 1
        return value


def items_of(given: Sequence[object]) -> list[Item]:
    """Tell what each of these is.

    Raises:
        TypeError: One is nothing that could be run.
    """
    return [_item_of(each, position) for position, each in enumerate(given)]


def _item_of(given: Any, position: int) -> Item:
    if type(given) is CoroutineType or inspect.isawaitable(given):
        return _of_awaitable(given)
    function, args, kwargs = _taken_apart(given)
    if hasattr(function, "applied_to"):
        task, args = function.applied_to(args)
        return TaskItem(task, args, kwargs)
    if callable(given):
        return FunctionItem(given)
    raise TypeError(
        f"argument {position} is a value of type {type(given).__name__}, and not a call that is still to be made.\n"
        f"A sync task is handed over uncalled: functools.partial(task, ...) or lambda: task(...), not task(...)."
    )


def _of_awaitable(given: Any) -> Item:
    return CoroutineItem(given) if inspect.iscoroutine(given) else AwaitableItem(given)


def _taken_apart(given: Any) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    if isinstance(given, functools.partial):
        return given.func, given.args, given.keywords
    return given, (), {}


@contextmanager
def closing_on_error(given: Sequence[object]) -> Iterator[None]:
    """When the block fails, close the coroutines that did not begin, so that nobody is warned of any never awaited."""
    try:
        yield
    except BaseException:
        for each in given:
            if inspect.iscoroutine(each) and inspect.getcoroutinestate(each) == inspect.CORO_CREATED:
                each.close()
        raise


def is_coroutine_function(function: Any) -> bool:
    """Whether calling it gives a coroutine, as far as can be known beforehand."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 - an object whose class has an `async def __call__`
    )


def joined(names: Iterable[str]) -> str:
    """Name a group after what it calls, each once and in order: `load, clean`; of more than three, `load, clean, count, ...`."""
    distinct = list(dict.fromkeys(names))
    return ", ".join(distinct[:_NAMES_MOST] + ["..."] * (len(distinct) > _NAMES_MOST))


def name_of(function: Any) -> str:
    """Name a function, a coroutine, or an object that can be called, after what stands in the source."""
    qualname = getattr(function, "__qualname__", type(function).__name__)
    return str(qualname).rpartition("<locals>.")[2]
