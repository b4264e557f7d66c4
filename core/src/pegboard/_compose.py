"""Different calls at the same time: `gather` from async code, `parallel` from sync code."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, overload

from pegboard._compose_names import joined
from pegboard._compose_units import Unit, close_all, units_of
from pegboard.errors import SessionError
from pegboard.running.group import Group
from pegboard.running.in_loop import fly
from pegboard.running.on_threads import drain
from pegboard.running.one import loop_runs_here, workers_of
from pegboard.running.work import OnError, Work, check_policy
from pegboard.sessions.default import serving_session

if TYPE_CHECKING:
    from pegboard.calls.call import Call

T = TypeVar("T")


@overload
async def gather(
    *calls: Awaitable[T] | Callable[[], Awaitable[T]],
    concurrency: int | None = ...,
    on_error: OnError = ...,
) -> list[T]: ...
@overload
async def gather(
    *calls: Awaitable[T] | Callable[[], Awaitable[T]] | Callable[[], T],
    concurrency: int | None = ...,
    on_error: OnError = ...,
) -> list[T]: ...
async def gather(*calls: Any, concurrency: int | None = None, on_error: OnError = "raise") -> list[Any]:
    """Await different calls at the same time, and return what they give in the order of the arguments.

        await gather(fetch(1), fetch(2), functools.partial(parse, "a.html"))

    Nothing goes on in the background once it returns or raises.

    Args:
        calls: Coroutines and other awaitables; and for sync tasks `task.acall(...)`, a `functools.partial` of the task, or
            anything to call without arguments, whose body runs in a thread.
        concurrency: How many may run at once; without it, all.
        on_error: `raise`: the first failure cancels the others, waits for them, and is raised as it is. `collect`: all
            run, and an exception takes the place of a result. `aggregate`: all run, then one `MapError` tells of those that
            failed.

    Raises:
        TypeError: One of them is a value, and not a call that is still to be made.
        ValueError: An unknown `on_error`, or a `concurrency` below one.
    """
    work = _prepare("gather", calls, concurrency, on_error)
    try:
        return await fly(work, concurrency or max(len(calls), 1))
    finally:
        if work.has_failed:
            work.close()


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
    work = _prepare("parallel", calls, concurrency, on_error)
    if not work.is_async:
        return drain(work, work.place, len(calls), concurrency)
    if loop_runs_here():
        close_all(calls)
        raise SessionError(
            "parallel(...) with async calls would block the event loop that is running in this thread.\n"
            "Await them instead: await gather(...)."
        )
    import asyncio

    try:
        return asyncio.run(fly(work, concurrency or len(calls)))
    finally:
        if work.has_failed:
            work.close()


def _prepare(kind: str, calls: Sequence[object], concurrency: int | None, on_error: OnError) -> Composition:
    try:
        check_policy(on_error, concurrency)
    except ValueError:
        close_all(calls)
        raise
    return Composition(kind, units_of(calls), on_error)


class Composition(Work):
    """The state of one `gather` or `parallel`.

    Attributes:
        place: The executor whose workers run it, where it needs no event loop.
        is_async: Whether it needs one.
    """

    def __init__(self, kind: str, units: Sequence[Unit], on_error: OnError) -> None:
        session = serving_session()
        tasks = {unit.task for unit in units}
        task = tasks.pop() if len(tasks) == 1 else None
        name = joined(unit.name for unit in units) or kind
        group = Group(session, kind, name, size=len(units), task=task)
        super().__init__(group, zip(units, strict=True), on_error)
        self.place = workers_of(session)
        self.is_async = any(unit.is_async for unit in units)
        self._units = units

    def finish_item(self, index: int, args: tuple[Any, ...]) -> Any:
        return args[0].finish(self, index)

    def await_item(self, index: int, args: tuple[Any, ...]) -> Awaitable[Any]:
        waiting: Awaitable[Any] = args[0].wait(self, index)
        return waiting

    def take_in(self, call: Call | None, index: int) -> None:
        """Count a call as one of the group's; None for something else that it runs."""
        self.group.calls += 1
        if call is not None:
            call.group = self.group
            call.map_index = index

    def close(self) -> None:
        """Let go of what did not begin."""
        for unit in self._units:
            unit.close()
