"""Waiting for an item, from threads and from event loops, and without standing in its way."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from pegboard.parts.contexts import context_manager
from pegboard.parts.stopping import wait_for
from pegboard.parts.wakers import new_waker
from pegboard_queue._errors import QueueError
from pegboard_queue.items.item import Item, record_of, running_item
from pegboard_queue.running.circles import CIRCLES

if TYPE_CHECKING:
    from pegboard_queue.items.record import Record
    from pegboard_queue.running.registry import Registry
    from pegboard_queue.running.workers import Workers

T = TypeVar("T")


class Waiting:
    """How others wait for the items of one manager.

    An item that waits for another one holds a slot meanwhile, so it runs what it waits for itself: items within items cannot
    deadlock, however few slots there are.
    """

    def __init__(self, registry: Registry, workers: Workers) -> None:
        self._registry = registry
        self._workers = workers
        self._scheduler = workers.scheduler

    def for_item(self, item: Item[Any], timeout: float | None) -> None:
        """Block until an item has ended.

        Raises:
            TimeoutError: It has not after so many seconds; it goes on.
            CancelledError: The item that waits was cancelled.
        """
        record = record_of(item)
        if record.is_done:
            return
        self.refuse_blocking(f"for item {item.name!r}")
        end = None if timeout is None else time.monotonic() + timeout
        with self._noted(item, is_timed=timeout is not None) as outer:
            while not _is_done(record):
                event = threading.Event()
                found = self._claim_or_watch(item, event.set, outer is not None)
                if found is None or outer is None:
                    _block(event, end, item.name, timeout)
                    continue
                self._registry.notifier.deliver()
                with CIRCLES.running(outer, found):
                    self._workers.run_claimed(found)

    async def for_item_async(self, item: Item[Any]) -> None:
        """Wait in an event loop until an item has ended; see `for_item`."""
        record = record_of(item)
        if record.is_done:
            return
        with self._noted(item, is_timed=False) as outer:
            while not record.is_done:
                woken, wake = new_waker()
                found = self._claim_or_watch(item, wake, outer is not None)
                if found is None:
                    await woken
                    continue
                self._registry.notifier.deliver()
                if record_of(found).is_async:
                    self._workers.run_claimed(found)
                else:
                    self._workers.run_in_thread(found)

    @context_manager
    def _noted(self, item: Item[Any], *, is_timed: bool) -> Iterator[Item[Any] | None]:
        """Note which item waits, and tell which: it has a slot meanwhile, and so it helps; None outside of any.

        Raises:
            QueueError: It would wait for ever.
        """
        outer = running_item.get()
        if outer is None or outer.manager is None:
            yield None
            return
        with CIRCLES.waiting(outer, item, is_timed=is_timed):
            yield outer

    def for_all(self, timeout: float | None) -> None:
        """Block until every item has ended and no function runs."""
        self.refuse_inside()
        self._scheduler.raise_broken()
        if self._scheduler.is_idle:
            return
        self.refuse_blocking("for all items")
        event = threading.Event()
        with self._registry.guard:
            self._scheduler.when_idle(event.set)
        _block(event, None if timeout is None else time.monotonic() + timeout, "", timeout)
        self._scheduler.raise_broken()

    async def for_all_async(self) -> None:
        """Wait in an event loop until every item has ended and no function runs."""
        self.refuse_inside()
        woken, wake = new_waker()
        with self._registry.guard:
            self._scheduler.when_idle(wake)
        await woken
        self._scheduler.raise_broken()

    def refuse_blocking(self, what: str) -> None:
        """Refuse to block a thread that others need.

        Raises:
            QueueError: It runs an event loop, or tells observers.
        """
        if self._registry.notifier.is_delivering_here:
            raise QueueError(
                f"an observer of item changes cannot wait {what}: who waits is told after the observers."
            )
        if _runs_a_loop():
            raise QueueError(
                f"waiting {what} here would block the event loop that runs in this thread.\n"
                f"Await it instead: `await item`, `await manager.await_item(...)`, `await manager.ajoin()`, `async with`."
            )

    def _claim_or_watch(self, item: Item[Any], wake: Callable[[], object], helps: bool) -> Item[Any] | None:
        """Claim what could be run meanwhile, or ask to be woken."""
        record = record_of(item)
        with self._registry.guard:
            if record.is_done:
                wake()
                return None
            found = self._scheduler.claim(item) if helps else None
            if found is None:
                record.done_callbacks = [*(record.done_callbacks or ()), wake]
                if helps:
                    self._scheduler.ready.when_added(wake)
            return found

    def inside(self) -> Item[Any] | None:
        """The item of this manager that the waiting code belongs to."""
        outer = running_item.get()
        inside = outer is not None and self._registry.holds(outer)
        return outer if inside else None

    def refuse_inside(self) -> None:
        """Refuse an item's wait for all of its manager's items.

        Raises:
            QueueError: It would wait for itself.
        """
        inside = self.inside()
        if inside is not None:
            raise QueueError(
                f"item {inside.name!r} waits for all items of its manager, itself among them, so it would wait for ever.\n"
                f"Wait for those that it needs: manager.wait(item)."
            )


def value_of(item: Item[T]) -> T:
    """Return the value of an item that has ended or raise its error; what observers did wrong comes first."""
    record = record_of(item)
    if record.hook_failures and record.session is not None:
        stop = [each for each in record.hook_failures if not isinstance(each, Exception)]
        if stop:
            record.hook_failures = None
            raise stop[0]
        record.session.faults.raise_of(record, record.failure)
    value: T = record.value()
    return value


def _is_done(record: Record) -> bool:
    """Ask anew: another thread says so."""
    return record.is_done


def _runs_a_loop() -> bool:
    """Whether an event loop runs in this thread."""
    if "asyncio" not in sys.modules:
        return False
    import asyncio

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _block(event: threading.Event, end: float | None, name: str, timeout: float | None) -> None:
    if not wait_for(event, None if end is None else max(end - time.monotonic(), 0.0)):
        raise _too_late(name, timeout)


def _too_late(name: str, timeout: float | None) -> TimeoutError:
    what = f"item {name!r} has not" if name else "not all items have"
    return TimeoutError(f"{what} ended within {timeout:g} s; nothing was cancelled.")
