"""Running a call to its end, whatever its kind, from sync code and from async code."""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from pegboard.calls.call import Call, open_call
from pegboard.current import joining
from pegboard.errors import SessionError
from pegboard.layers import Layer
from pegboard.parts.awaiting import loop_around
from pegboard.parts.stopping import Stop, awaited, stop_in_force
from pegboard.places import THREADS, RemotePlace
from pegboard.records import TaskResult, status_of
from pegboard.sessions.default import serving_session

if TYPE_CHECKING:
    import asyncio
    from concurrent.futures import Future

    from pegboard.calls.call import Call
    from pegboard.layers import Proceed, ProceedStream
    from pegboard.places import Place
    from pegboard.sessions.session import Session
    from pegboard.tasks.task import Task


def call_in(session: Session, task: Task[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
    """Make a call of `task` in a session; a plan that was made for other plugins is made anew."""
    plan = task._plan
    if plan is None or plan.version != session.version:
        plan = task._plan_in(session)
    return open_call(plan, args, kwargs)


def finish(call: Call) -> Any:
    """Run a call to its end from sync code; a stream gives the list of its items."""
    plan = call.plan
    kind = plan.task.kind
    if kind == "function":
        return plan.run(call)
    if kind == "generator":
        return list(plan.run(call))
    return in_new_loop(lambda: finish_async(call), plan.task.name)


async def finish_async(call: Call) -> Any:
    """Run a call to its end from async code; a sync body goes to a thread, with its context."""
    plan = call.plan
    kind = plan.task.kind
    if kind == "coroutine":
        return await plan.run(call)
    if kind == "async_generator":
        return [item async for item in plan.run(call)]
    import asyncio

    call.plan = plan.awaiting()
    running, stop = _begin_in_thread(finish_in_thread, call)
    try:
        return await running
    except asyncio.CancelledError:
        stop.ask()
        raise


def finish_in_thread(call: Call) -> Any:
    """Do what `finish` does, for a Future to carry: none can carry a StopIteration, and awaiting it would never end.

    Raises:
        RuntimeError: The task raised StopIteration; what Python makes of one in a coroutine, too.
    """
    try:
        return finish(call)
    except StopIteration as stop:
        raise RuntimeError(
            f"task {call.task.name!r} raised StopIteration, which nothing awaited can raise"
        ) from stop


def in_new_loop(make: Callable[[], Awaitable[Any]], name: str) -> Any:
    """Run something awaitable from sync code, in this context.

    Raises:
        SessionError: An event loop runs in this thread, and blocking it would stop everything in it.
    """
    import asyncio

    if asyncio._get_running_loop() is not None:
        raise SessionError(
            f"the async task {name!r} cannot be waited for here: an event loop is running in this thread.\n"
            f"Await it instead: await task(...), task.acall(...), task.arun(...) or task.amap(...)."
        )

    async def main() -> Any:
        return await awaited(make())

    return asyncio.run(main())


def run(task: Task[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> TaskResult[Any]:
    """Call a task and tell how it went; see `Task.run`."""
    clock = _Stopwatch()
    call: Call | None = None
    try:
        call = call_in(serving_session(), task, args, kwargs)
        value = finish(call)
    except Exception as error:  # noqa: BLE001 - it is the result
        return clock.result(call, None, error)
    return clock.result(call, value, None)


async def arun(task: Task[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> TaskResult[Any]:
    """Call a task and tell how it went; see `Task.arun`."""
    clock = _Stopwatch()
    call: Call | None = None
    try:
        call = call_in(serving_session(), task, args, kwargs)
        value = await finish_async(call)
    except Exception as error:  # noqa: BLE001 - it is the result
        return clock.result(call, None, error)
    return clock.result(call, value, None)


async def acall(task: Task[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call a task from async code; see `Task.acall`."""
    call = call_in(serving_session(), task, args, kwargs)
    if (waiting := joining.get()) is not None and waiting.take(call, sys._getframe()):
        if not call.is_async:
            choose_place(call)
        return await finish_structured(call)
    return await finish_async(call)


def submit(task: Task[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Future[Any]:
    """Call a task on the session's executor; see `Task.submit`."""
    call = call_in(serving_session(), task, args, kwargs)
    session = call.session
    place = call.plan.own_place or session.place()
    if isinstance(place, RemotePlace):  # a thread waits for it, and does all of the call but the function
        call.plan = call.plan.placed(place)
        place = session.place(THREADS)
    else:
        call.executor = place.name
    note_submission(call)
    future = place.submit(copy_context().run, finish, call)
    session.keep(future)
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


_OUTERMOST = 0


def note_submission(call: Call) -> None:
    """Have a call that is being submitted tell how long it waited, if anybody asks."""
    if "on_wait" in call.plan.events:
        call.state[WAITED] = time.perf_counter()
        call.plan = call.plan.with_layer(WAITED)


def _tell(call: Call) -> None:
    call.emit("on_wait", call.executor, time.perf_counter() - call.state.pop(WAITED))


async def _run(call: Call, proceed: Proceed) -> Any:
    _tell(call)
    return await proceed(call)


async def _stream(call: Call, proceed: ProceedStream) -> AsyncIterator[Any]:
    _tell(call)
    async for item in proceed(call):
        yield item


WAITED = Layer("wait for an executor", _OUTERMOST, run=_run, stream=_stream)


def choose_place(call: Call, worker: Place | None = None) -> Place:
    """Choose where a call's function runs, and return the executor of this process that its call runs on.

    Args:
        call: Not begun yet.
        worker: The executor whose worker runs the call already, where one does.
    """
    session = call.session
    place = call.plan.own_place or session.place()
    if isinstance(place, RemotePlace):  # a thread waits for it, and does all of the call but the function
        call.plan = call.plan.placed(place)
        return worker or session.place(THREADS)
    place = worker or place
    call.executor = place.name
    return place


def workers_of(session: Session) -> Place:
    """Return the executor of this process whose workers run calls: threads, where functions run elsewhere."""
    place = session.place()
    return session.place(THREADS) if isinstance(place, RemotePlace) else place


async def finish_structured(call: Call) -> Any:
    """Finish a call, and when cancelled wait for the thread it may be running in."""
    if call.is_async:
        return await finish_async(call)
    call.plan = call.plan.awaiting()
    return await in_thread(finish_in_thread, call)


async def in_thread(function: Callable[..., Any], *args: Any) -> Any:
    """Run a function in a thread, with this context; when cancelled, wait until it is over."""
    import asyncio

    running, stop = _begin_in_thread(function, *args)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        stop.ask()
        while not running.done():
            try:
                await asyncio.wait([running])
            except asyncio.CancelledError:  # once more: the first one is on its way
                continue
        _ = running.cancelled() or running.exception()  # seen, or asyncio would log it
        raise


def _begin_in_thread(function: Callable[..., Any], *args: Any) -> tuple[asyncio.Task[Any], Stop]:
    """Run a function in a thread, with this context; the stop ends what it waits for."""
    import asyncio

    outer, loop = stop_in_force.get(), asyncio.get_running_loop()
    stop, context = Stop("whoever awaited this call was cancelled"), copy_context()
    context.run(stop_in_force.set, stop)
    context.run(loop_around.set, loop)
    work = asyncio.to_thread(_unless_stopped, outer, function, *args)
    return loop.create_task(work, context=context), stop


def _unless_stopped(outer: Stop | None, function: Callable[..., Any], *args: Any) -> Any:
    """Call a function that has waited for a thread, unless what is around the coroutine that awaits it was stopped."""
    if outer is not None:
        outer.check()
    return function(*args)


def loop_runs_here() -> bool:
    """Whether an event loop runs in this thread, so that nothing async can be waited for in it."""
    import asyncio

    return asyncio._get_running_loop() is not None


def carried(function: Callable[..., Any], *args: Any) -> Any:
    """Call a function for a Future to carry what comes of it: none can carry a StopIteration.

    Raises:
        RuntimeError: It raised StopIteration; what Python makes of one in a coroutine, too.
    """
    try:
        return function(*args)
    except StopIteration as stop:
        raise RuntimeError("a function raised StopIteration, which nothing awaited can raise") from stop
