"""Running a call to its end, whatever its kind, from sync code and from async code."""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import Context, ContextVar, copy_context
from typing import TYPE_CHECKING, Any, NamedTuple

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
    from concurrent.futures import Executor, Future

    from pegboard.calls.call import Call
    from pegboard.layers import Proceed, ProceedStream
    from pegboard.places import Place
    from pegboard.sessions.session import Session
    from pegboard.tasks.task import Task


# The executor one of whose threads a call around the running code has for itself.
_occupied: ContextVar[Executor | None] = ContextVar("pegboard_occupied", default=None)


def call_in(session: Session, task: Task[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
    """Make a call of `task` in a session; a plan that was made for other plugins is made anew."""
    plan = task._plan
    if plan is None or plan.version != session.version:
        plan = task._plan_in(session)
    return open_call(plan, args, kwargs)


def finish(call: Call, instead: str = "acall(...)") -> Any:
    """Run a call to its end from sync code; a stream gives the list of its items.

    Args:
        call: The call.
        instead: How an async task would be called where an event loop runs.
    """
    plan = call.plan
    kind = plan.task.kind
    if kind == "function":
        return plan.run(call)
    if kind == "generator":
        return list(plan.run(call))
    return in_new_loop(lambda: finish_async(call), plan.task.name, instead)


async def finish_async(call: Call) -> Any:
    """Run a call to its end from async code; a sync body goes to a thread, with its context."""
    plan = call.plan
    kind = plan.task.kind
    if kind == "coroutine":
        return await plan.run(call)
    if kind == "async_generator":
        return [item async for item in plan.run(call)]
    body = _start_body(call)
    try:
        return await body.running
    except BaseException:
        body.give_up()
        raise


class _Body(NamedTuple):
    """A sync function that runs in a thread, and is awaited.

    Attributes:
        running: What to await.
        give_up: Takes it back if it has not begun, and ends what it waits for if it has.
    """

    running: asyncio.Future[Any]
    give_up: Callable[[], object]


def _start_body(call: Call) -> _Body:
    """Have a sync body run in a thread, with its context: one of the session's pool, which so bounds how many run at once.

    What a body awaits that has a thread of that very pool would wait for itself, so that goes to a side thread beyond the bound; as
    all do where the session runs functions inline or in other processes.
    """
    from pegboard.parts.thread_pool import is_worker_of

    call.plan = call.plan.awaiting()
    place = call.plan.own_place or call.session.place()
    executor = None if isinstance(place, RemotePlace) else place.executor
    if executor is None or _occupied.get() is executor or is_worker_of(executor):
        return _beside(finish_in_thread, call)
    import asyncio

    call.executor = place.name
    outer, stop, context = _stoppable_here()
    submission = place.submit(context.run, _unless_stopped, outer, _occupy, executor, finish_in_thread, call)

    def give_up() -> None:
        if not submission.cancel():
            stop.ask()

    return _Body(asyncio.wrap_future(submission), give_up)


def _beside(function: Callable[..., Any], *args: Any) -> _Body:
    """Run a function in a thread of the event loop's own, with this context."""
    import asyncio

    outer, stop, context = _stoppable_here()
    work = asyncio.to_thread(_unless_stopped, outer, function, *args)
    return _Body(asyncio.get_running_loop().create_task(work, context=context), stop.ask)


def _stoppable_here() -> tuple[Stop | None, Stop, Context]:
    """Return the stop that is in force here, one for what is awaited here, and a context where that one is."""
    import asyncio

    outer = stop_in_force.get()
    stop, context = Stop("whoever awaited this call was cancelled"), copy_context()
    context.run(stop_in_force.set, stop)
    context.run(loop_around.set, asyncio.get_running_loop())
    return outer, stop, context


def _unless_stopped(outer: Stop | None, function: Callable[..., Any], *args: Any) -> Any:
    """Call a function that has waited for a thread, unless what is around the coroutine that awaits it was stopped."""
    if outer is not None:
        outer.check()
    return function(*args)


def _occupy(executor: Executor | None, function: Callable[[Call], Any], call: Call) -> Any:
    """Finish a call in a thread of an executor, in a context of its own, which tells so to all that the call makes."""
    _occupied.set(executor)
    return function(call)


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

    if asyncio._get_running_loop() is not None:
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
        call = call_in(serving_session(), task, args, kwargs)
        value = finish(call, "arun(...)")
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
    future = place.submit(copy_context().run, _occupy, place.executor, finish, call)
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
    """Finish a call, and when cancelled take back what has not begun, and wait for the thread that runs what has."""
    if call.is_async:
        return await finish_async(call)
    return await _whole(_start_body(call))


async def in_thread(function: Callable[..., Any], *args: Any) -> Any:
    """Run a function in a thread, with this context; when cancelled, wait until it is over."""
    return await _whole(_beside(function, *args))


async def _whole(body: _Body) -> Any:
    import asyncio

    running = body.running
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        body.give_up()
        while not running.done():
            try:
                await asyncio.wait([running])
            except asyncio.CancelledError:  # once more: the first one is on its way
                continue
        _ = running.cancelled() or running.exception()  # seen, or asyncio would log it
        raise


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
