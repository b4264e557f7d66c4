"""Different calls at the same time: `gather` from async code, `parallel` from sync code."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar, overload

from pegboard import SessionError
from pegboard.parts.awaiting import loop_runs_here
from pegboard.parts.stopping import awaited
from pegboard.running.group_state import OnError, check_policy
from pegboard.running.open_group import OpenGroup, open_group
from pegboard_compose._items import Item, closing_on_error, items_of, joined

T = TypeVar("T")
T2 = TypeVar("T2")
T3 = TypeVar("T3")
T4 = TypeVar("T4")
T5 = TypeVar("T5")
_AsyncCall = Awaitable[T] | Callable[[], Awaitable[T]]
_Call = Awaitable[T] | Callable[[], Awaitable[T]] | Callable[[], T]


@overload
async def gather(
    call1: _AsyncCall[T],
    /,
    *,
    concurrency: int | None = ...,
    on_error: OnError = ...,
) -> tuple[T]: ...
@overload
async def gather(
    call1: _AsyncCall[T],
    call2: _AsyncCall[T2],
    /,
    *,
    concurrency: int | None = ...,
    on_error: OnError = ...,
) -> tuple[T, T2]: ...
@overload
async def gather(
    call1: _AsyncCall[T],
    call2: _AsyncCall[T2],
    call3: _AsyncCall[T3],
    /,
    *,
    concurrency: int | None = ...,
    on_error: OnError = ...,
) -> tuple[T, T2, T3]: ...
@overload
async def gather(
    call1: _AsyncCall[T],
    call2: _AsyncCall[T2],
    call3: _AsyncCall[T3],
    call4: _AsyncCall[T4],
    /,
    *,
    concurrency: int | None = ...,
    on_error: OnError = ...,
) -> tuple[T, T2, T3, T4]: ...
@overload
async def gather(
    call1: _AsyncCall[T],
    call2: _AsyncCall[T2],
    call3: _AsyncCall[T3],
    call4: _AsyncCall[T4],
    call5: _AsyncCall[T5],
    /,
    *,
    concurrency: int | None = ...,
    on_error: OnError = ...,
) -> tuple[T, T2, T3, T4, T5]: ...
@overload
async def gather(
    call1: _Call[T],
    /,
    *,
    concurrency: int | None = ...,
    on_error: OnError = ...,
) -> tuple[T]: ...
@overload
async def gather(
    call1: _Call[T],
    call2: _Call[T2],
    /,
    *,
    concurrency: int | None = ...,
    on_error: OnError = ...,
) -> tuple[T, T2]: ...
@overload
async def gather(
    call1: _Call[T],
    call2: _Call[T2],
    call3: _Call[T3],
    /,
    *,
    concurrency: int | None = ...,
    on_error: OnError = ...,
) -> tuple[T, T2, T3]: ...
@overload
async def gather(
    call1: _Call[T],
    call2: _Call[T2],
    call3: _Call[T3],
    call4: _Call[T4],
    /,
    *,
    concurrency: int | None = ...,
    on_error: OnError = ...,
) -> tuple[T, T2, T3, T4]: ...
@overload
async def gather(
    call1: _Call[T],
    call2: _Call[T2],
    call3: _Call[T3],
    call4: _Call[T4],
    call5: _Call[T5],
    /,
    *,
    concurrency: int | None = ...,
    on_error: OnError = ...,
) -> tuple[T, T2, T3, T4, T5]: ...
@overload
async def gather(
    call1: _AsyncCall[T],
    call2: _AsyncCall[T],
    call3: _AsyncCall[T],
    call4: _AsyncCall[T],
    call5: _AsyncCall[T],
    call6: _AsyncCall[T],
    /,
    *calls: _AsyncCall[T],
    concurrency: int | None = ...,
    on_error: OnError = ...,
) -> list[T]: ...
@overload
async def gather(
    call1: _Call[T],
    call2: _Call[T],
    call3: _Call[T],
    call4: _Call[T],
    call5: _Call[T],
    call6: _Call[T],
    /,
    *calls: _Call[T],
    concurrency: int | None = ...,
    on_error: OnError = ...,
) -> list[T]: ...
@overload
async def gather(*, concurrency: int | None = ..., on_error: OnError = ...) -> list[Any]: ...
async def gather(*calls: Any, concurrency: int | None = None, on_error: OnError = "raise") -> Any:
    """Await different calls at the same time, and return a list of what they give in the order of the arguments.

        await gather(fetch(1), fetch(2), functools.partial(parse, "a.html"))

    Nothing goes on in the background once it returns or raises. Its type tells what is at which position, of up to five calls;
    that is why it is a tuple's, as that of `asyncio.gather` is.

    Args:
        calls: Coroutines and other awaitables, which run once, however often they stand there; and for sync tasks `task.acall(...)`, a `functools.partial` of the task, or
            anything to call without arguments, whose body runs in a thread.
        concurrency: How many may run at once; without it, all.
        on_error: `raise`: the first failure cancels the others, waits for them, and is raised as it is. `collect`: all
            run, and an exception takes the place of a result. `aggregate`: all run, then one `MapError` tells of those that
            failed.

    Raises:
        TypeError: One of them is a value, and not a call that is still to be made.
        ValueError: An unknown `on_error`, or a `concurrency` below one.
    """
    with closing_on_error(calls):
        check_policy(on_error, concurrency)
        items = items_of(calls)
        async with _opened("gather", items) as group:
            group.value = results = await group.arun_all(items, concurrency=concurrency, on_error=on_error)
    return results


@overload
def parallel(
    *calls: Awaitable[T] | Callable[[], Awaitable[T]],
    concurrency: int | None = ...,
    on_error: OnError = ...,
) -> list[T]: ...
@overload
def parallel(
    *calls: Awaitable[T] | Callable[[], Awaitable[T]] | Callable[[], T],
    concurrency: int | None = ...,
    on_error: OnError = ...,
) -> list[T]: ...
def parallel(*calls: Any, concurrency: int | None = None, on_error: OnError = "raise") -> list[Any]:
    """Do what `gather` does from sync code: make different calls at the same time, and wait for them.

        parallel(functools.partial(load, "a"), functools.partial(load, "b"), lambda: count(3))

    Sync calls run on the session's executor, the caller being one of its workers. As soon as one of them is async, all
    run in an event loop of their own, the sync ones in its threads.

    Args:
        calls: As for `gather`.
        concurrency: How many may run at once; at most what the executor allows.
        on_error: As for `gather`.

    Raises:
        TypeError: One of them is a value, and not a call that is still to be made.
        ValueError: An unknown `on_error`, or a `concurrency` below one.
        SessionError: One of them is async, and an event loop runs in this thread.
    """
    with closing_on_error(calls):
        check_policy(on_error, concurrency)
        items = items_of(calls)
        if any(item.is_async for item in items):
            return _parallel_in_loop(items, concurrency, on_error)
        with _opened("parallel", items) as group:
            group.value = results = group.run_all(items, concurrency=concurrency, on_error=on_error)
    return results


def _parallel_in_loop(items: Sequence[Item], concurrency: int | None, on_error: OnError) -> list[Any]:
    import asyncio

    if loop_runs_here():
        raise SessionError(
            "parallel(...) with async calls would block the event loop that is running in this thread.\n"
            "Await them instead: await gather(...)."
        )

    async def main() -> list[Any]:
        async with _opened("parallel", items) as group:
            group.value = results = await group.arun_all(items, concurrency=concurrency, on_error=on_error)
        return results

    return asyncio.run(awaited(main()))


def _opened(kind: str, items: Sequence[Item]) -> OpenGroup:
    tasks = {item.task for item in items}
    task = tasks.pop() if len(tasks) == 1 else None
    return open_group(kind, joined(item.name for item in items) or kind, size=len(items), task=task)
