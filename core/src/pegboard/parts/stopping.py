"""Stopping what waits: a function that runs in a thread cannot be interrupted, but what it waits for in Pegboard can be."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, TypeVar

from pegboard.clock import SystemClock
from pegboard.parts.contexts import context_manager

if TYPE_CHECKING:
    from asyncio import CancelledError
    from concurrent.futures import Future

    from pegboard.clock import Clock

T = TypeVar("T")
stop_in_force: ContextVar[Stop | None] = ContextVar("pegboard_stop", default=None)


class Stop:
    """Asked for once, from any thread: whatever waits in a context where it is in force is woken, and cancelled.

    It stays asked for: later waits of the same context end at once, and no attempt begins any more.

    Args:
        why: What the cancellations say.

    Attributes:
        is_asked: Whether it was asked for.
    """

    __slots__ = ("_wakers", "is_asked", "why")

    def __init__(self, why: str) -> None:
        self.why = why
        self.is_asked = False
        self._wakers: dict[object, Callable[[], object]] = {}

    def ask(self) -> None:
        """Wake and cancel what waits."""
        self.is_asked = True
        for wake in self._wakers.copy().values():
            wake()

    def check(self) -> None:
        """Raise the cancellation if it was asked for."""
        if self.is_asked:
            raise self.cancellation()

    def cancellation(self) -> CancelledError:
        """Make the error that ends a wait."""
        from asyncio import CancelledError

        return CancelledError(self.why)

    @context_manager
    def waking(self, wake: Callable[[], object]) -> Iterator[None]:
        """Call `wake` when it is asked for while the block runs; at once if it was before."""
        key = object()
        self._wakers[key] = wake
        try:
            if self.is_asked:
                wake()
            yield
        finally:
            del self._wakers[key]


def is_cancellation(error: BaseException) -> bool:
    """Whether an error is asyncio's way to end a task, and a stop's way to end a wait."""
    from asyncio import CancelledError

    return isinstance(error, CancelledError)


@context_manager
def stoppable(why: str) -> Iterator[Stop]:
    """Put a stop in force in the block, and in what is begun in it; one around it stops it, too."""
    stop, outer = Stop(why), stop_in_force.get()
    token = stop_in_force.set(stop)
    try:
        if outer is None:
            yield stop
        else:
            with outer.waking(stop.ask):
                yield stop
    finally:
        stop_in_force.reset(token)


@context_manager
def unstoppable() -> Iterator[None]:
    """Have the block wait for what it needs, whatever was asked for: for what takes back."""
    token = stop_in_force.set(None)
    try:
        yield
    finally:
        stop_in_force.reset(token)


def refuse_stopped() -> None:
    """Raise the cancellation of the stop that is in force here, if it was asked for."""
    stop = stop_in_force.get()
    if stop is not None and stop.is_asked:
        raise stop.cancellation()


def wait_for(event: threading.Event, seconds: float | None = None) -> bool:
    """Block until an event is set, so many seconds at most, and tell whether it is.

    Raises:
        CancelledError: The stop that is in force here was asked for.
    """
    stop = stop_in_force.get()
    if stop is None:
        return event.wait(seconds)
    with stop.waking(event.set):
        arrived = event.wait(seconds)
    stop.check()
    return arrived


def wait_for_lock(lock: threading.Lock, seconds: float | None = None) -> bool:
    """Block until a lock that is held is released, so many seconds at most, and take it; tell whether that was so.

    To wait with a lock is to wait in C: an Event has Python code in it, in which an interrupt would leave its own lock held.

    Raises:
        CancelledError: As for `wait_for`; the lock is held, or was released for this.
    """
    most = -1 if seconds is None else min(seconds, threading.TIMEOUT_MAX)
    stop = stop_in_force.get()
    if stop is None:
        return lock.acquire(timeout=most)
    with stop.waking(lambda: release_once(lock)):
        arrived = lock.acquire(timeout=most)
    stop.check()
    return arrived


def release_once(lock: threading.Lock) -> None:
    """Release a lock that somebody waits for, unless that was done before."""
    try:
        lock.release()
    except RuntimeError:
        pass


def result_of(future: Future[T], seconds: float | None = None) -> T:
    """Return what a future gives, once it does; as `Future.result`.

    Raises:
        CancelledError: As for `wait_for`; the future goes on.
        TimeoutError: It takes longer.
    """
    if stop_in_force.get() is None:
        return future.result(seconds)
    over = threading.Event()
    future.add_done_callback(lambda _: over.set())
    wait_for(over, seconds)
    return future.result(0)


async def awaited(awaitable: Awaitable[T]) -> T:
    """Await something in a loop that sync code waits for; the stop that is in force there cancels it."""
    import asyncio

    stop = stop_in_force.get()
    if stop is None:
        return await awaitable
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None  # noqa: S101 - a coroutine runs in one

    def cancel() -> None:
        try:
            loop.call_soon_threadsafe(task.cancel)
        except RuntimeError:  # the loop has ended meanwhile
            pass

    with stop.waking(cancel):
        return await awaitable


def sleep(clock: Clock, seconds: float) -> None:
    """Block for so many seconds of a clock; only the machine's own can be woken.

    Raises:
        CancelledError: As for `wait_for`.
    """
    if stop_in_force.get() is None:
        clock.sleep(seconds)
    elif isinstance(clock, SystemClock):
        wait_for(threading.Event(), seconds)
    else:
        refuse_stopped()
        clock.sleep(seconds)
        refuse_stopped()
