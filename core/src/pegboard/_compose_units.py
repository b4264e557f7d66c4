"""What can be handed to `gather` and `parallel`: calls that have not begun."""

from __future__ import annotations

import functools
import gc
import inspect
from abc import abstractmethod
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from types import CoroutineType
from typing import TYPE_CHECKING, Any

from pegboard._compose_names import name_of
from pegboard.calls.call import Call, open_call
from pegboard.plans import coroutine as coroutine_runner
from pegboard.running import one
from pegboard.running.one import finish_structured, in_thread, settle

if TYPE_CHECKING:
    from pegboard._compose import Composition
    from pegboard.tasks.task import Task

_RUNNERS_FILE = coroutine_runner.build.__code__.co_filename
_ACALL = one.acall.__code__


class Unit:
    """One call, or something else to run, that has not begun.

    Attributes:
        task: The task it calls, where that can be known.
        is_async: Whether it needs an event loop.
    """

    __slots__ = ()
    task: Any  # a Task or None; declared as such, a type checker would bind it
    is_async: bool

    @property
    @abstractmethod
    def name(self) -> str:
        """The task's name, or the function's."""

    @abstractmethod
    def finish(self, work: Composition, index: int) -> Any:
        """Run it here and return its value."""

    @abstractmethod
    def wait(self, work: Composition, index: int) -> Awaitable[Any]:
        """Return what has to be awaited for its value."""

    def close(self) -> None:
        """Let go of it: it will not run."""


class TaskUnit(Unit):
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

    def finish(self, work: Composition, index: int) -> Any:
        call = self._call(work, index)
        settle(call, work.place)
        return one.finish(call)

    def wait(self, work: Composition, index: int) -> Awaitable[Any]:
        call = self._call(work, index)
        if not self.is_async:
            settle(call)
        return finish_structured(call)

    def _call(self, work: Composition, index: int) -> Call:
        call = open_call(self.task._plan_in(work.group.session), self._args, self._kwargs)
        work.take_in(call, index)
        return call


class CoroutineUnit(Unit):
    """A coroutine, of a task or of anything else."""

    __slots__ = ("_call", "_coroutine", "task")
    is_async = True

    def __init__(self, coroutine: Coroutine[Any, Any, Any], call: Call | None) -> None:
        self._coroutine = coroutine
        self._call = call
        self.task = None if call is None else call.plan.task

    @property
    def name(self) -> str:
        return name_of(self._coroutine) if self.task is None else self.task.name

    def finish(self, work: Composition, index: int) -> Any:
        return one.in_new_loop(lambda: self.wait(work, index), work.group.name)

    def wait(self, work: Composition, index: int) -> Awaitable[Any]:
        work.take_in(self._call, index)
        return self._coroutine

    def close(self) -> None:
        self._coroutine.close()


class AwaitableUnit(Unit):
    """A future, an asyncio task, or what else can be awaited."""

    __slots__ = ("_awaitable",)
    is_async = True
    task = None

    def __init__(self, awaitable: Awaitable[Any]) -> None:
        self._awaitable = awaitable

    @property
    def name(self) -> str:
        return type(self._awaitable).__name__

    def finish(self, work: Composition, index: int) -> Any:
        return one.in_new_loop(lambda: self.wait(work, index), work.group.name)

    def wait(self, work: Composition, index: int) -> Awaitable[Any]:
        work.take_in(None, index)
        return self._awaitable


class FunctionUnit(Unit):
    """Something to call without arguments; what it gives is run on, if it can be awaited."""

    __slots__ = ("_function", "is_async")
    task = None

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function
        self.is_async = is_coroutine_function(function)

    @property
    def name(self) -> str:
        return name_of(_taken_apart(self._function)[0])

    def finish(self, work: Composition, index: int) -> Any:
        value = self._function()
        if not inspect.isawaitable(value):
            work.take_in(None, index)
            return value
        return unit_of_awaitable(value).finish(work, index)

    async def wait(self, work: Composition, index: int) -> Any:
        value = self._function() if self.is_async else await in_thread(carried, self._function)
        if not inspect.isawaitable(value):
            work.take_in(None, index)
            return value
        return await unit_of_awaitable(value).wait(work, index)


def units_of(given: Sequence[object]) -> list[Unit]:
    """Tell what each of these is.

    Raises:
        TypeError: One is nothing that could be run; the coroutines among them are closed.
    """
    units: list[Unit] = []
    try:
        for position, each in enumerate(given):
            units.append(_unit_of(each, position))
    except TypeError:
        close_all(given)
        raise
    return units


def close_all(given: Iterable[object]) -> None:
    """Close the coroutines among these, so that nobody is warned of coroutines never awaited."""
    for each in given:
        if inspect.iscoroutine(each):
            each.close()


def _unit_of(given: Any, position: int) -> Unit:
    if type(given) is CoroutineType or inspect.isawaitable(given):
        return unit_of_awaitable(given)
    function, args, kwargs = _taken_apart(given)
    if hasattr(function, "_applied_to"):
        task, args = function._applied_to(args)
        return TaskUnit(task, args, kwargs)
    if callable(given):
        return FunctionUnit(given)
    raise TypeError(
        f"argument {position} is a value of type {type(given).__name__}, and not a call that is still to be made.\n"
        f"A sync task is handed over uncalled: functools.partial(task, ...) or lambda: task(...), not task(...)."
    )


def unit_of_awaitable(given: Any) -> Unit:
    """Tell what something awaitable is: a call of a task, if it is one."""
    if not inspect.iscoroutine(given):
        return AwaitableUnit(given)
    code = given.cr_code
    if code is _ACALL and inspect.getcoroutinestate(given) == inspect.CORO_CREATED:
        known = inspect.getcoroutinelocals(given)
        given.close()
        return TaskUnit(known["task"], known["args"], known["kwargs"])
    return CoroutineUnit(given, _call_in(given) if code.co_filename == _RUNNERS_FILE else None)


def _call_in(coroutine: Coroutine[Any, Any, Any]) -> Call | None:
    """Find the call that a coroutine of a task will run.

    Its frame has it as a local variable. Asking the frame for that would make a frame object and a dictionary for each
    coroutine, 400 bytes and two microseconds; the garbage collector knows as well.
    """
    found = (each for each in gc.get_referents(coroutine) if isinstance(each, Call))
    return next(found, None)


def _taken_apart(given: Any) -> tuple[Any, tuple[Any, ...], dict[str, Any]]:
    if isinstance(given, functools.partial):
        return given.func, given.args, given.keywords
    return given, (), {}


def is_coroutine_function(function: Any) -> bool:
    """Whether calling it gives a coroutine, as far as can be known beforehand."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 - an object whose class has an `async def __call__`
    )


def carried(function: Callable[..., Any], *args: Any) -> Any:
    """Call a function for a Future to carry what comes of it: none can carry a StopIteration.

    Raises:
        RuntimeError: It raised StopIteration; what Python makes of one in a coroutine, too.
    """
    try:
        return function(*args)
    except StopIteration as stop:
        raise RuntimeError("a function raised StopIteration, which nothing awaited can raise") from stop
