"""Running a call to its end, whatever its kind, from sync code and from async code."""

from __future__ import annotations

import sys
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from pegboard.calls.call import Call, open_call
from pegboard.current import joining
from pegboard.errors import SessionError
from pegboard.parts.awaiting import loop_runs_here
from pegboard.parts.stopping import awaited
from pegboard.records import TaskResult, status_of
from pegboard.running.bodies import carried, finish_sync, occupy, start_body, whole
from pegboard.running.placing import choose_place, time_the_wait
from pegboard.sessions.default import serving_session

if TYPE_CHECKING:
    from concurrent.futures import Future

    from pegboard.sessions.session import Session
    from pegboard.tasks.task import Task


def call_in(session: Session, task: Task[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
    """Make a call of `task` in a session; a plan that was made for other plugins is made anew."""
    plan = task._plan
    if plan is None or plan.version != session.version:
        plan = task._plan_in(session)
    return open_call(plan, args, kwargs)


def tell_made(call: Call) -> Call:
    """Tell the layers of a call that is run later, or elsewhere, that it was made."""
    for tell in call.plan.told:
        tell(call)
    return call


def finish(call: Call, instead: str = "acall(...)") -> Any:
    """Run a call to its end from sync code; a stream gives the list of its items.

    Args:
        call: The call.
        instead: How an async task would be called where an event loop runs.
    """
    if not call.is_async:
        return finish_sync(call)
    return in_new_loop(lambda: finish_async(call), call.task.name, instead)


async def finish_async(call: Call) -> Any:
    """Run a call to its end from async code; a sync body goes to a thread, with its context."""
    plan = call.plan
    kind = plan.task.kind
    if kind == "coroutine":
        return await plan.run(call)
    if kind == "async_generator":
        return [item async for item in plan.run(call)]
    body = start_body(call)
    try:
        return await body.running
    except BaseException:
        body.give_up()
        raise


def finish_in_thread(call: Call) -> Any:
    """Do what `finish` does, for a Future to carry."""
    return carried(f"task {call.task.name!r}", finish, call)


def in_new_loop(make: Callable[[], Awaitable[Any]], name: str, instead: str = "acall(...)") -> Any:
    """Run something awaitable from sync code, in this context.

    Args:
        make: Makes it.
        name: Of its task.
        instead: The way of calling that task which can be awaited.

    Raises:
        SessionError: An event loop runs in this thread, and blocking it would stop everything in it.
    """
    import asyncio

    if loop_runs_here():
        raise SessionError(
            f"the async task {name!r} cannot be waited for here: an event loop is running in this thread.\n"
            f"Await it instead: await {name}.{instead}."
        )

    async def main() -> Any:
        return await awaited(make())

    return asyncio.run(main())


def run(task: Task[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> TaskResult[Any]:
    """Call a task and tell how it went; see `Task.run`."""
    clock = _Stopwatch()
    call: Call | None = None
    try:
        call = call_in(serving_session(task), task, args, kwargs)
        value = finish(call, "arun(...)")
    except Exception as error:  # noqa: BLE001 - it is the result
        return clock.result(call, None, error)
    return clock.result(call, value, None)


async def arun(task: Task[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> TaskResult[Any]:
    """Call a task and tell how it went; see `Task.arun`."""
    clock = _Stopwatch()
    call: Call | None = None
    try:
        call = tell_made(call_in(serving_session(task), task, args, kwargs))
        value = await finish_async(call)
    except Exception as error:  # noqa: BLE001 - it is the result
        return clock.result(call, None, error)
    return clock.result(call, value, None)


def acall(task: Task[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Coroutine[Any, Any, Any]:
    """Call a task from async code; see `Task.acall`."""
    coroutine: Any = _acall(task, args, kwargs)
    coroutine.__qualname__ = task.name
    return coroutine  # type: ignore[no-any-return]


async def _acall(task: Task[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    call = tell_made(call_in(serving_session(task), task, args, kwargs))
    if (waiting := joining.get()) is not None and waiting.take(call, sys._getframe()):
        if not call.is_async:
            choose_place(call)
        return await finish_structured(call)
    return await finish_async(call)


def submit(task: Task[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Future[Any]:
    """Call a task on the session's executor; see `Task.submit`."""
    call = tell_made(call_in(serving_session(task), task, args, kwargs))
    place = choose_place(call)
    time_the_wait(call)
    future = place.submit(copy_context().run, occupy, place.executor, finish, call)
    call.session.keep(future)
    return future


class _Stopwatch:
    """Times a call that nothing else may be timing, and writes its result."""

    def __init__(self) -> None:
        self._started_at = time.time()
        self._start = time.perf_counter()

    def result(self, call: Call | None, value: Any, error: Exception | None) -> TaskResult[Any]:
        return TaskResult(
            value=value,
            status="ok" if error is None else status_of(error),
            source="run" if call is None else call.source,
            error=error,
            attempts=0 if call is None else call.attempt,
            started_at=self._started_at,
            duration=time.perf_counter() - self._start,
            call_id="" if call is None else call.id,
            trace_id=None if call is None else call.trace_id,
        )


async def finish_structured(call: Call) -> Any:
    """Finish a call, and when cancelled take back what has not begun, and wait for the thread that runs what has."""
    if call.is_async:
        return await finish_async(call)
    return await whole(start_body(call))
