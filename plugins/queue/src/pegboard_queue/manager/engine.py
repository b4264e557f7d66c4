"""Runs items: the highest priority first, at most so many at once."""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Callable
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any

from pegboard import Suspended
from pegboard_queue.items.state import State
from pegboard_queue.manager import dependencies as _dependencies
from pegboard_queue.manager.session_futures import Holds

if TYPE_CHECKING:
    import asyncio
    from concurrent.futures import Future, ThreadPoolExecutor

    from pegboard import TaskResult
    from pegboard_queue.items.item import Item
    from pegboard_queue.manager.registry import Ledger

Ending = tuple["TaskResult[Any] | None", "BaseException | None"]
_ASYNC = ("coroutine", "async_generator")
_ACTIVE = (State.RUNNING, State.RETRYING)


class Engine:
    """The slots of a manager, and the threads and the loop that items run in.

    A slot is a right to run one item; whoever holds it takes the best ready item when the last one has ended, so a
    later-ready high item overtakes. Threads are those of a pool, which end with the manager, and are waited for at exit.

    Attributes:
        loop: The caller's loop, once the manager was entered with `async with`; None uses a loop in a thread.
        bodies: How many functions run, cancelled ones that still go on included.
    """

    def __init__(self, ledger: Ledger, workers: int) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None
        self.bodies = 0
        self.closing = False
        self.holds = Holds()
        self._ledger = ledger
        self._guard = ledger.guard
        self._workers = workers
        self._used = 0
        self._starting = 0
        self._heap: list[tuple[int, int, Item[Any]]] = []
        self._pool: ThreadPoolExecutor | None = None
        self._stop_loop: Callable[[], object] | None = None
        self._wakers: list[Callable[[], object]] = []
        self._idlers: list[Callable[[], object]] = []
        self._aside: set[threading.Thread] = set()

    # With the guard held ----------------------------------------------------------------------------------------

    @property
    def is_idle(self) -> bool:
        """Whether every item has ended and no function runs."""
        return not self._ledger.unfinished and not self.bodies

    def make_ready(self, item: Item[Any]) -> None:
        """Put an item in the line, and start it if a slot is free."""
        self._ledger.move(item, State.READY)
        entry = (-item.priority, item.number, item)
        item.place = entry
        heappush(self._heap, entry)
        self.holds.change(item.session, ready=1)
        self.wake()
        self.fill()

    def take_back(self, item: Item[Any], new: State) -> None:
        """Take an item out of the line, or out of what waits, and give it another state."""
        was_ready = item.state is State.READY
        self._ledger.move(item, new)
        item.place = None
        if was_ready:
            self.holds.change(item.session, ready=-1)

    def cancel(self, item: Item[Any]) -> None:
        """Cancel an item, wherever it stands; a coroutine is cancelled, a function goes on and its result is dropped."""
        if item.state in _ACTIVE:
            self._ledger.move(item, State.CANCELLED)
            if item.handle is not None:
                item.handle.get_loop().call_soon_threadsafe(item.handle.cancel)
        else:
            self.take_back(item, State.CANCELLED)
        self.skip_dependants(item)
        self.note_idle()

    def skip_dependants(self, item: Item[Any]) -> None:
        """Skip all that depends on an item that did not complete."""
        for each in _dependencies.skipped(item):
            self._ledger.move(each, State.SKIPPED)

    def fill(self) -> None:
        """Give free slots to ready items."""
        if self._used == self._workers:
            return
        ready = self._ledger.counts[State.READY]
        while self._used < self._workers and self._starting < ready and not self.holds.paused:
            if self._pool is None:
                from concurrent.futures import ThreadPoolExecutor

                self._pool = ThreadPoolExecutor(self._workers, thread_name_prefix="pegboard-queue")
            self._used += 1
            self._starting += 1
            first = self._best()
            if first is not None and first.task.kind in _ASYNC:
                self._the_loop().call_soon_threadsafe(self._begin_next, True)
            else:
                self._pool.submit(self._work, True).add_done_callback(_tell_failure)

    def claim(self, target: Item[Any]) -> Item[Any] | None:
        """Take a ready item that has to run before `target` can end, for somebody who waits for that anyway."""
        if self.holds.paused:
            return None
        found = _dependencies.ready_before(target)
        if found is not None:
            self._start(found)
        return found

    def when_ready(self, waker: Callable[[], object]) -> None:
        """Call this once when any item becomes ready."""
        self._wakers.append(waker)

    def when_idle(self, callback: Callable[[], object]) -> None:
        """Call this once when every item has ended and no function runs."""
        self._idlers.append(callback)
        self.note_idle()

    def note_idle(self) -> None:
        """Tell those who wait for it that all is over, if it is."""
        if self._idlers and self.is_idle:
            idlers, self._idlers = self._idlers, []
            for callback in idlers:
                self._ledger.teller.after(callback)

    def wake(self) -> None:
        """Have those look again who wait for what becomes ready."""
        if self._wakers:
            wakers, self._wakers = self._wakers, []
            for waker in wakers:
                waker()

    def _best(self) -> Item[Any] | None:
        heap = self._heap
        while heap:
            entry = heap[0]
            if entry[2].place is entry:
                return entry[2]
            heappop(heap)
        return None

    def _take(self) -> Item[Any] | None:
        """Take the best ready item, or give the slot back."""
        item = None if self.holds.paused else self._best()
        if item is None:
            self._used -= 1
            return None
        heappop(self._heap)
        self._start(item)
        return item

    def _start(self, item: Item[Any]) -> None:
        item.place = None
        self._ledger.move(item, State.RUNNING)
        self.bodies += 1
        self.holds.change(item.session, ready=-1, running=1)

    def _settle(self, item: Item[Any], ending: Ending) -> None:
        """Note how the body of an item ended; of a cancelled one that is nobody's business any more."""
        result, error = ending
        item.handle = None
        self.bodies -= 1
        if item.state in _ACTIVE:
            item.result = result
            item.failure = error if result is None else result.error
            new = _state_after(item.failure)
            if new is State.PAUSED and item.state is State.RETRYING:
                self._ledger.move(item, State.RUNNING)
            self._ledger.move(item, new)
            if new is State.COMPLETED:
                item.context = None
                for each in _dependencies.freed(item):
                    self.make_ready(each)
            elif new is State.PAUSED:
                item.failure = None
                if self.closing:
                    self.cancel(item)
            else:
                self.skip_dependants(item)
        self.holds.change(item.session, running=-1)
        self.note_idle()

    # Without it -------------------------------------------------------------------------------------------------

    def run_claimed(self, item: Item[Any]) -> None:
        """Run an item that was claimed: a function here, a coroutine in the loop; it takes no slot."""
        if item.task.kind in _ASYNC:
            with self._guard:
                loop = self._the_loop()
            loop.call_soon_threadsafe(self._begin, item, False)
            return
        ending = _perform(item)
        with self._guard:
            self._settle(item, ending)
        self._ledger.teller.tell()

    def run_aside(self, item: Item[Any]) -> None:
        """Run a function that was claimed from within a loop, in a thread of its own: any pool could be full of such."""
        thread = threading.Thread(target=self._run_aside, args=(item,), name="pegboard-queue-aside")
        with self._guard:
            self._aside.add(thread)
            thread.start()

    def _run_aside(self, item: Item[Any]) -> None:
        self.run_claimed(item)
        with self._guard:
            self._aside.discard(threading.current_thread())

    def close(self) -> None:
        """End the threads, once every item has ended."""
        pool, stop = self._pool, self._stop_loop
        with self._guard:
            aside = list(self._aside)
        for thread in aside:
            thread.join()
        if pool is not None:
            pool.shutdown(wait=True)
        if stop is not None:
            stop()

    def _work(self, first: bool) -> None:
        """Use a slot for functions, in a thread of the pool, until nothing is ready."""
        with self._guard:
            self._starting -= first
            item = self._take()
        while item is not None:
            self._ledger.teller.tell()
            if item.task.kind in _ASYNC:
                with self._guard:
                    loop = self._the_loop()
                loop.call_soon_threadsafe(self._begin, item, True)
                return
            ending = _perform(item)
            with self._guard:
                self._starting += 1  # this thread takes one of those that become ready
                self._settle(item, ending)
                self._starting -= 1
                item = self._take()
        self._ledger.teller.tell()

    def _begin_next(self, first: bool) -> None:
        """Use a slot for a coroutine, in the loop; a function is passed on to a thread."""
        with self._guard:
            self._starting -= first
            best = self._best()
            if best is not None and best.task.kind not in _ASYNC and self._pool is not None:
                self._pool.submit(self._work, False).add_done_callback(_tell_failure)
                return
            item = self._take()
        self._ledger.teller.tell()
        if item is not None:
            self._begin(item, True)

    def _begin(self, item: Item[Any], slot: bool) -> None:
        """Start a coroutine, in the loop's thread."""
        import asyncio

        with self._guard:
            cancelled = item.state is State.CANCELLED
            if not cancelled:
                flight = self._fly(item, slot)
                item.handle = asyncio.get_running_loop().create_task(flight, context=item.context)
        if cancelled:
            self._land(item, (None, None), slot)

    async def _fly(self, item: Item[Any], slot: bool) -> None:
        ending: Ending
        try:
            ending = await item.task.arun(*item.args, **item.kwargs), None
        except BaseException as error:  # noqa: BLE001 - kept for whoever waits for the item
            ending = None, error
        self._land(item, ending, slot)

    def _land(self, item: Item[Any], ending: Ending, slot: bool) -> None:
        with self._guard:
            self._starting += slot
            self._settle(item, ending)
            self._starting -= slot
        self._ledger.teller.tell()
        if slot:
            self._begin_next(False)

    def _the_loop(self) -> asyncio.AbstractEventLoop:
        if self.loop is None:
            from pegboard_queue.manager.loop import LoopThread

            thread = LoopThread()
            self.loop = thread.loop
            self._stop_loop = weakref.finalize(self, thread.stop)
        return self.loop


def _perform(item: Item[Any]) -> Ending:
    assert item.context is not None  # noqa: S101 - set when it was submitted
    try:
        return item.context.run(item.task.run, *item.args, **item.kwargs), None
    except BaseException as error:  # noqa: BLE001 - kept for whoever waits for the item
        return None, error


def _state_after(error: BaseException | None) -> State:
    if error is None:
        return State.COMPLETED
    if isinstance(error, Exception):
        return State.FAILED
    if isinstance(error, Suspended):
        return State.PAUSED
    import asyncio

    return State.CANCELLED if isinstance(error, asyncio.CancelledError) else State.FAILED


def _tell_failure(work: Future[None]) -> None:
    """Log what ended a worker: errors of items are theirs, so that this is one of the queue's own."""
    error = None if work.cancelled() else work.exception()
    if error is not None:
        logging.getLogger("pegboard").error(
            "a worker of a queue ended with %s", type(error).__name__, exc_info=error
        )
