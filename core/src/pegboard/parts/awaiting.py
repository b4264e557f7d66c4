"""Values that have to be awaited: told from others, and awaited from the thread of a sync body."""

from __future__ import annotations

import functools
import inspect
import sys
import threading
from collections.abc import Callable, Collection
from contextvars import ContextVar
from types import GeneratorType
from typing import TYPE_CHECKING, Any

from pegboard import texts
from pegboard.errors import MustBeAwaited
from pegboard.parts.stopping import wait_for

if TYPE_CHECKING:
    import asyncio

PLAIN = frozenset(
    (type(None), bool, int, float, str, bytes, tuple, list, dict, set)
)  # types of values at a glance
GIVES_COROUTINE = "_gives_coroutine"  # attribute of functions that give one without being `async def`
loop_around: ContextVar[asyncio.AbstractEventLoop | None] = ContextVar("pegboard_loop", default=None)


def loop_runs_here() -> bool:
    """Whether an event loop runs in this thread, so that nothing async can be waited for in it."""
    running: Any = getattr(
        sys.modules.get("asyncio"), "_get_running_loop", None
    )  # it may be in the middle of its import
    return running is not None and running() is not None


def is_awaitable(value: object) -> bool:
    """Whether a value can be awaited; in a fraction of the time that `inspect.isawaitable` takes."""
    return hasattr(type(value), "__await__") or (type(value) is GeneratorType and inspect.isawaitable(value))


def is_unfinished(value: object) -> bool:
    """Whether a value is nothing but work that is still to be awaited: a coroutine, a future, an asyncio task."""
    if not is_awaitable(value):
        return False
    import asyncio

    return inspect.iscoroutine(value) or asyncio.isfuture(value) or type(value) is GeneratorType


async def settled(value: Any) -> Any:
    """Await a value until it is none that has to be awaited any more."""
    while is_awaitable(value):
        value = await value
    return value


async def outlast(
    running: Collection[asyncio.Future[Any]], on_cancel: Callable[[], object] = lambda: None
) -> asyncio.CancelledError | None:
    """Wait until all of these are over, also when cancelled meanwhile: each time that is told, and the last one returned."""
    import asyncio

    cancellation: asyncio.CancelledError | None = None
    while any(not each.done() for each in running):
        try:
            await asyncio.wait(running)
        except asyncio.CancelledError as error:
            cancellation = error
            on_cancel()
    return cancellation


def refuse_awaitable(value: object, task: str, where: str) -> None:
    """Refuse a value that sync code cannot use.

    Args:
        value: What a task or function returned.
        task: Its name.
        where: What runs in sync code, as it is told to people: `graph 'report'`.

    Raises:
        MustBeAwaited: It has to be awaited. A coroutine is closed.
    """
    if not is_awaitable(value):
        return
    if inspect.iscoroutine(value):
        value.close()  # or Python would warn that nobody awaited it
    raise MustBeAwaited(
        f"{task!r} returned {texts.a(type(value).__name__)}, which has to be awaited, and {where} runs in sync code.\n"
        f"Make it an `async def` function, or await the whole of it: `acall`, `aexecute`, `apipeline` or `gather`.",
        task=task,
    )


def is_async_function(function: object) -> bool:
    """Whether calling this gives a coroutine, as far as can be known beforehand.

    So does a coroutine function, also in a `functools.partial`, a coroutine task, an object whose class has an
    `async def __call__`, and the `acall`, `arun` and `amap` of any task.
    """
    held = function
    while isinstance(held, functools.partial):
        held = held.func
    if inspect.iscoroutinefunction(held) or getattr(held, GIVES_COROUTINE, False) is True:
        return True
    called = getattr(type(held), "__call__", None)  # noqa: B004 - what it is, and not whether it is there
    return not inspect.isroutine(held) and inspect.iscoroutinefunction(called)


def awaiting(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a function, called in a thread that a coroutine waits for, wait for what it returns to be awaited in that loop."""

    def awaited(*args: Any, **kwargs: Any) -> Any:
        value = function(*args, **kwargs)
        loop = loop_around.get()
        return _await_in(loop, value) if loop is not None and is_unfinished(value) else value

    return awaited


def _await_in(loop: asyncio.AbstractEventLoop, value: Any) -> Any:
    """Await something in an event loop, with this context; what interrupts the wait cancels it and waits for its end."""
    over = threading.Event()
    running: list[asyncio.Task[Any]] = []

    async def main() -> Any:
        return await value

    def begin() -> None:
        running.append(loop.create_task(main()))
        running[0].add_done_callback(lambda _: over.set())

    loop.call_soon_threadsafe(begin)
    try:
        wait_for(over)
    except BaseException:
        loop.call_soon_threadsafe(lambda: running[0].cancel())  # noqa: PLW0108 - it may not have begun yet
        over.wait()
        _ = running[0].cancelled() or running[0].exception()  # seen, or asyncio would log it
        raise
    return running[0].result()
