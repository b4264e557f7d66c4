"""Runs items: functions in the threads of a pool, coroutines in one loop."""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import attrs

from pegboard import MustBeAwaited
from pegboard.parts.awaiting import PLAIN, is_unfinished, refuse_awaitable
from pegboard.privacy import loggable
from pegboard.running.loop_thread import LoopThread
from pegboard_queue.items.item import record_of
from pegboard_queue.running.scheduler import Scheduler

if TYPE_CHECKING:
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    from pegboard import TaskResult
    from pegboard_queue.items.item import Item
    from pegboard_queue.running.registry import Registry
    from pegboard_queue.running.scheduler import Ending


class Workers:
    """The threads and the loop of a manager; the guard is not held, unless a method says so.

    Threads are those of a pool, which end with the manager, and are waited for at exit.

    Attributes:
        scheduler: Decides what they run.
        loop: The caller's loop, once the manager was entered with `async with`; None uses a loop in a thread.
    """

    def __init__(self, registry: Registry, workers: int) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None
        self.scheduler = Scheduler(registry, workers, self._start_worker, self._loop_is_here)
        self._registry = registry
        self._guard = registry.guard
        self._workers = workers
        self._pool: ThreadPoolExecutor | None = None
        self._stop_loop: Callable[[], object] | None = None
        self._single_threads: set[threading.Thread] = set()

    def run_claimed(self, item: Item[Any]) -> None:
        """Run an item that was claimed: a function here, a coroutine in the loop; it takes no slot."""
        if record_of(item).is_async:
            with self._guard:
                loop = self._the_loop()
            loop.call_soon_threadsafe(self._guarded, self._begin, item, False)
            return
        ending = _perform(item)
        with self._guard:
            self.scheduler.finish(item, ending, has_slot=False)
        self._registry.notifier.deliver()

    def run_in_thread(self, item: Item[Any]) -> None:
        """Run a function that was claimed from within a loop, in a thread of its own: any pool could be full of such."""
        thread = threading.Thread(target=self._run_in_thread, args=(item,), name="pegboard-queue-single")
        with self._guard:
            self._single_threads.add(thread)
            thread.start()

    def _run_in_thread(self, item: Item[Any]) -> None:
        self._guarded(self.run_claimed, item)
        with self._guard:
            self._single_threads.discard(threading.current_thread())

    def close(self, *, wait: bool = True) -> None:
        """End the threads, once every item has ended; without waiting, those of items that go on when these have."""
        pool, stop = self._pool, self._stop_loop
        with self._guard:
            threads = list(self._single_threads)
        for thread in threads if wait else ():
            thread.join()
        if pool is not None:
            pool.shutdown(wait=wait)
        if stop is not None:
            stop()

    # Threads ----------------------------------------------------------------------------------------------------

    def _start_worker(self, first: Item[Any] | None) -> None:
        """Have a worker come for a slot, or end the manager when none can; the guard is held."""
        try:
            self._send_worker(first)
        except Exception as error:  # noqa: BLE001 - no thread can be started, or the caller's loop is closed
            self._end_with(error)

    def _guarded(self, work: Callable[..., object], *args: Any) -> None:
        """Do a worker's work; what goes wrong in it is the queue's own fault, and ends the manager: none may wait on."""
        try:
            work(*args)
        except BaseException as error:  # noqa: BLE001 - told to everybody who waits
            with self._guard:
                self._end_with(error)
            self._registry.notifier.deliver()

    def _end_with(self, error: BaseException) -> None:
        logging.getLogger("pegboard").error(
            "a worker of a queue failed, which ends its manager: %s",
            type(error).__name__,
            exc_info=loggable(error),
        )
        self.scheduler.break_down(error)

    def _send_worker(self, first: Item[Any] | None) -> None:
        """Start a worker, in the loop where the best item wants that; the guard is held."""
        if self._pool is None:
            from concurrent.futures import ThreadPoolExecutor

            self._pool = ThreadPoolExecutor(self._workers, thread_name_prefix="pegboard-queue")
        if first is not None and record_of(first).is_async:
            self._the_loop().call_soon_threadsafe(self._guarded, self._begin_next, True)
        else:
            self._pool.submit(self._guarded, self._work, True)

    def _work(self, new: bool) -> None:
        """Use a slot for functions, in a thread of the pool, until nothing is ready."""
        scheduler = self.scheduler
        with self._guard:
            if new:
                scheduler.worker_started()
            item = scheduler.take()
        while item is not None:
            self._registry.notifier.deliver()
            if record_of(item).is_async:
                with self._guard:
                    loop = self._the_loop()
                loop.call_soon_threadsafe(self._guarded, self._begin, item, True)
                return
            ending = _perform(item)
            with self._guard:
                scheduler.finish(item, ending, has_slot=True)
                item = scheduler.take()
        self._registry.notifier.deliver()

    # The loop ---------------------------------------------------------------------------------------------------

    def _begin_next(self, new: bool) -> None:
        """Use a slot for a coroutine, in the loop; a function is passed on to a thread."""
        with self._guard:
            if new:
                self.scheduler.worker_started()
            best = self.scheduler.ready.first()
            if best is not None and not record_of(best).is_async and self._pool is not None:
                self._pool.submit(self._guarded, self._work, False)
                return
            item = self.scheduler.take()
        self._registry.notifier.deliver()
        if item is not None:
            self._begin(item, True)

    def _begin(self, item: Item[Any], has_slot: bool) -> None:
        """Start a coroutine, in the loop's thread."""
        import asyncio

        with self._guard:
            cancelled = item.is_cancelled
            if not cancelled:
                record = record_of(item)
                coroutine = self._run_coroutine(item, has_slot)
                record.asyncio_task = asyncio.get_running_loop().create_task(
                    coroutine, context=record.context
                )
        if cancelled:
            self._coroutine_ended(item, (None, None), has_slot)

    async def _run_coroutine(self, item: Item[Any], has_slot: bool) -> None:
        ending: Ending
        try:
            ending = _finished(await record_of(item).task.arun(*item.args, **item.kwargs), item), None
        except BaseException as error:  # noqa: BLE001 - kept for whoever waits for the item
            ending = None, error
        self._guarded(self._coroutine_ended, item, ending, has_slot)

    def _coroutine_ended(self, item: Item[Any], ending: Ending, has_slot: bool) -> None:
        with self._guard:
            self.scheduler.finish(item, ending, has_slot=has_slot)
        self._registry.notifier.deliver()
        if has_slot:
            self._begin_next(False)

    def _loop_is_here(self) -> bool:
        import asyncio

        try:
            return asyncio.get_running_loop() is self.loop
        except RuntimeError:
            return False

    def _the_loop(self) -> asyncio.AbstractEventLoop:
        """Return the loop that coroutines run in, started if there is none yet; the guard is held."""
        if self.loop is None:
            thread = LoopThread("pegboard-queue-loop", daemon=True)
            self.loop = thread.loop
            self._stop_loop = weakref.finalize(self, thread.stop)
        return self.loop


def _finished(result: TaskResult[Any], item: Item[Any]) -> TaskResult[Any]:
    """Return how a call went; a coroutine that came of it would never run, and is an error."""
    if type(result.value) in PLAIN or not is_unfinished(result.value):
        return result
    try:
        refuse_awaitable(result.value, item.name, "an item that a queue runs")
    except MustBeAwaited as error:
        return attrs.evolve(result, value=None, status="error", error=error)
    return result


def _perform(item: Item[Any]) -> Ending:
    record = record_of(item)
    assert record.context is not None  # noqa: S101 - set when it was submitted
    try:
        return _finished(record.context.run(record.task.run, *item.args, **item.kwargs), item), None
    except BaseException as error:  # noqa: BLE001 - kept for whoever waits for the item
        return None, error
