"""What can be handed to `gather` and `parallel`: calls that have not begun."""

from __future__ import annotations

import functools
import inspect
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Sequence
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from pegboard.parts.awaiting import is_async_function, is_awaitable, settled
from pegboard.parts.contexts import context_manager
from pegboard.parts.event_loop import running_loop
from pegboard.running.bodies import carried, in_thread
from pegboard.running.one import in_new_loop
from pegboard.running.open_group import GroupItem

if TYPE_CHECKING:
    import asyncio

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
        value = group.run_item(index, self.task, self._args, self._kwargs)
        return in_new_loop(lambda: settled(value), self.name) if is_awaitable(value) else value

    async def arun(self, group: OpenGroup, index: int) -> Any:
        return await settled(await group.await_item(index, self.task, self._args, self._kwargs))


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


class SharedItem(Item):
    """An awaitable that was handed over more than once: it runs once, and gives the same at each of its positions."""

    __slots__ = ("_item", "_outcome")
    is_async = True

    def __init__(self, item: AwaitableItem) -> None:
        self._item = item
        self._outcome: asyncio.Future[Any] | None = None

    @property
    def name(self) -> str:
        return self._item.name

    def run(self, group: OpenGroup, index: int) -> Any:
        return in_new_loop(lambda: self.arun(group, index), self.name)

    async def arun(self, group: OpenGroup, index: int) -> Any:
        import asyncio

        if self._outcome is not None:
            return await asyncio.shield(self._outcome)
        self._outcome = outcome = running_loop().create_future()
        try:
            value = await self._item.arun(group, index)
        except Exception as error:
            outcome.set_exception(error)
            outcome.exception()  # seen, or asyncio would log it where nobody else waits
            raise
        except BaseException:
            outcome.cancel()
            raise
        outcome.set_result(value)
        return value


class FunctionItem(Item):
    """Something to call without arguments; what it gives is run on, if it can be awaited."""

    __slots__ = ("_function", "is_async")

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function
        self.is_async = is_async_function(function)

    @property
    def name(self) -> str:
        return name_of(_taken_apart(self._function)[0])

    def run(self, group: OpenGroup, index: int) -> Any:
        value = self._function()
        if is_awaitable(value):
            return _of_awaitable(value).run(group, index)
        group.group.calls += 1
        return value

    async def arun(self, group: OpenGroup, index: int) -> Any:
        value = self._function() if self.is_async else await in_thread(carried, "a function", self._function)
        if is_awaitable(value):
            return await settled(await _of_awaitable(value).arun(group, index))
        group.group.calls += 1
        return value


def items_of(given: Sequence[object]) -> list[Item]:
    """Tell what each of these is.

    Raises:
        TypeError: One is nothing that could be run.
    """
    items = [_item_of(each, position) for position, each in enumerate(given)]
    return items if len({*map(id, given)}) == len(given) else _shared(items, given)


def _shared(items: Sequence[Item], given: Sequence[object]) -> list[Item]:
    """Have what can be awaited only once stand for itself at each of its positions."""
    shared: dict[int, Item] = {}
    for item, each in zip(items, given, strict=True):
        if isinstance(item, AwaitableItem):
            shared.setdefault(id(each), SharedItem(item))
    return [shared.get(id(each), item) for item, each in zip(items, given, strict=True)]


def _item_of(given: Any, position: int) -> Item:
    if type(given) is CoroutineType or is_awaitable(given):
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


@context_manager
def closing_on_error(given: Sequence[object]) -> Iterator[None]:
    """When the block fails, close the coroutines that did not begin, so that nobody is warned of any never awaited."""
    try:
        yield
    except BaseException:
        for each in given:
            if inspect.iscoroutine(each) and inspect.getcoroutinestate(each) == inspect.CORO_CREATED:
                each.close()
        raise


def joined(names: Iterable[str]) -> str:
    """Name a group after what it calls, each once and in order: `load, clean`; of more than three, `load, clean, count, ...`."""
    distinct = list(dict.fromkeys(names))
    return ", ".join(distinct[:_NAMES_MOST] + ["..."] * (len(distinct) > _NAMES_MOST))


def name_of(function: Any) -> str:
    """Name a function, a coroutine, or an object that can be called, after what stands in the source."""
    qualname = getattr(function, "__qualname__", type(function).__name__)
    return str(qualname).rpartition("<locals>.")[2]
