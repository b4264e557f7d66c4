"""Sync functions that run in a thread, and are awaited."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Context, ContextVar, copy_context
from typing import TYPE_CHECKING, Any

from pegboard.parts.awaiting import loop_around, outlast
from pegboard.parts.event_loop import running_loop
from pegboard.parts.stopping import Stop, stop_in_force
from pegboard.places import RemotePlace

if TYPE_CHECKING:
    import asyncio
    from concurrent.futures import Executor

    from pegboard.calls.call import Call

# The executor one of whose threads a call around the running code has for itself.
_occupied: ContextVar[Executor | None] = ContextVar("pegboard_occupied", default=None)


class Body:
    """A sync function that runs in a thread, and is awaited.

    Attributes:
        running: What to await.
        give_up: Takes it back if it has not begun, and ends what it waits for if it has.
    """

    __slots__ = ("give_up", "running")

    def __init__(self, running: asyncio.Future[Any], give_up: Callable[[], object]) -> None:
        self.running = running
        self.give_up = give_up


def start_body(call: Call) -> Body:
    """Have a sync body run in a thread, with its context: one of the session's pool, which so bounds how many run at once.

    What a body awaits that has a thread of that very pool would wait for itself, so that goes to a side thread beyond the bound; as
    all do where the session runs functions inline or in other processes.
    """
    from pegboard.parts.thread_pool import is_worker_of

    call.plan = call.plan.awaiting()
    place = call.plan.own_place or call.session.place()
    executor = None if isinstance(place, RemotePlace) else place.executor
    if executor is None or _occupied.get() is executor or is_worker_of(executor):
        return _beside(_finish, call)
    import asyncio

    call.executor = place.name
    outer, stop, context = _stoppable_here()
    submission = place.submit(context.run, _unless_stopped, outer, occupy, executor, _finish, call)

    def give_up() -> None:
        if not submission.cancel():
            stop.ask()

    return Body(asyncio.wrap_future(submission), give_up)


def _beside(function: Callable[..., Any], *args: Any) -> Body:
    """Run a function in a thread of the event loop's own, with this context."""
    import asyncio

    outer, stop, context = _stoppable_here()
    work = asyncio.to_thread(_unless_stopped, outer, function, *args)
    return Body(asyncio.get_running_loop().create_task(work, context=context), stop.ask)


def _stoppable_here() -> tuple[Stop | None, Stop, Context]:
    """Return the stop that is in force here, one for what is awaited here, and a context where that one is."""
    outer, loop = stop_in_force.get(), running_loop()
    stop, context = Stop("whoever awaited this call was cancelled"), copy_context()
    context.run(stop_in_force.set, stop)
    context.run(loop_around.set, loop)
    return outer, stop, context


def _unless_stopped(outer: Stop | None, function: Callable[..., Any], *args: Any) -> Any:
    """Call a function that has waited for a thread, unless what is around the coroutine that awaits it was stopped."""
    if outer is not None:
        outer.check()
    return function(*args)


def occupy(executor: Executor | None, function: Callable[[Call], Any], call: Call) -> Any:
    """Finish a call in a thread of an executor, in a context of its own, which tells so to all that the call makes."""
    _occupied.set(executor)
    return function(call)


def finish_sync(call: Call) -> Any:
    """Run the call of a sync task to its end; a stream gives the list of its items."""
    value = call.plan.run(call)
    return value if call.plan.task.kind == "function" else list(value)


def _finish(call: Call) -> Any:
    return carried(f"task {call.task.name!r}", finish_sync, call)


async def in_thread(function: Callable[..., Any], *args: Any) -> Any:
    """Run a function in a thread, with this context; when cancelled, wait until it is over."""
    return await whole(_beside(function, *args))


async def whole(body: Body) -> Any:
    """Await a body; when cancelled, take it back if it has not begun, and wait for it if it has."""
    import asyncio

    running = body.running
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        body.give_up()
        await outlast([running])  # a second one is dropped: the first is on its way
        _ = running.cancelled() or running.exception()  # seen, or asyncio would log it
        raise


def carried(what: str, function: Callable[..., Any], *args: Any) -> Any:
    """Call a function for a Future to carry what comes of it: none can carry a StopIteration, and awaiting it would never end.

    Args:
        what: Whose function it is, for the error.
        function: The function.
        args: Its arguments.

    Raises:
        RuntimeError: It raised StopIteration; what Python makes of one in a coroutine, too.
    """
    try:
        return function(*args)
    except StopIteration as stop:
        raise RuntimeError(f"{what} raised StopIteration, which nothing awaited can raise") from stop
