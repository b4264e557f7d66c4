"""Decides which item runs when: the highest priority first, at most so many at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from pegboard import Suspended
from pegboard_queue.items.item import record_of
from pegboard_queue.items.state import ENDED, State
from pegboard_queue.running import dependencies
from pegboard_queue.running.ready import ReadyItems
from pegboard_queue.running.session_futures import SessionFutures

if TYPE_CHECKING:
    from pegboard import TaskResult
    from pegboard_queue.items.item import Item
    from pegboard_queue.items.record import Record
    from pegboard_queue.running.registry import Registry

Ending = tuple["TaskResult[Any] | None", "BaseException | None"]
_ACTIVE = (State.RUNNING, State.RETRYING)


class Scheduler:
    """The slots of a manager, and which item gets one; the manager's guard is held in all of this.

    A slot is a right to run one item; the worker that holds it takes the best ready item when its last one has ended, so a
    later-ready high item overtakes.

    Args:
        registry: The manager's items.
        slots: How many items run at once.
        start_worker: Starts a worker for a slot; it is told the item that is the best one now.
        loop_is_here: Tells whether coroutines run in the loop of this thread.

    Attributes:
        ready: The items that may run.
        paused: Whether the manager starts nothing at the moment.
        closing: Whether the manager takes no more items from outside.
        bodies: How many functions run, cancelled ones that still go on included.
        broken: What went wrong in the queue itself and ended the manager; None as a rule.
    """

    def __init__(
        self,
        registry: Registry,
        slots: int,
        start_worker: Callable[[Item[Any] | None], object],
        loop_is_here: Callable[[], bool],
    ) -> None:
        self.ready = ReadyItems()
        self.paused = False
        self.closing = False
        self.bodies = 0
        self.broken: BaseException | None = None
        self._registry = registry
        self._slots = slots
        self._start_worker = start_worker
        self._used = 0
        self._starting = 0  # workers on their way, which will take an item each
        self._functions = SessionFutures()
        self._coroutines = SessionFutures(loop_is_here)
        self._when_idle: list[Callable[[], object]] = []

    # An item's way ----------------------------------------------------------------------------------------------

    def make_ready(self, item: Item[Any]) -> None:
        """Put an item among the ready ones, and start it if a slot is free."""
        self._registry.move(item, State.READY)
        self.ready.add(item)
        record = record_of(item)
        if record.line is not None:
            record.line.joined(item)
        self._futures_of(record).change(record.session, ready=1)
        self.fill()

    def take_back(self, item: Item[Any], new: State) -> None:
        """Take an item out of the ready ones, or out of what waits, and give it another state."""
        record = record_of(item)
        was_ready = record.state is State.READY
        self._registry.move(item, new)
        record.ready_entry = None
        if was_ready:
            self._futures_of(record).change(record.session, ready=-1)

    def wait_or_skip(self, item: Item[Any]) -> None:
        """Have an item wait, or skip it when something that it depends on has ended badly already."""
        record = record_of(item)
        if record.state not in (State.WAITING, State.PAUSED):
            self.take_back(item, State.WAITING)
        for each in record.unmet or ():
            if each.state in ENDED:
                self.skip(dependencies.skipped(each, (item,)))
                self.note_idle()
                return

    def cancel(self, item: Item[Any]) -> None:
        """Cancel an item, wherever it stands; a coroutine is cancelled, and so is what a function waits for.

        A function that runs goes on, and its result is dropped.
        """
        record = record_of(item)
        if record.state in _ACTIVE:
            self._registry.move(item, State.CANCELLED)
            if record.stop is not None:
                self._registry.notifier.later(record.stop.ask)
            if record.asyncio_task is not None:
                record.asyncio_task.get_loop().call_soon_threadsafe(record.asyncio_task.cancel)
        else:
            self.take_back(item, State.CANCELLED)
        self.skip_dependants(item)
        self.note_idle()

    def skip_dependants(self, item: Item[Any]) -> None:
        """Skip all that depends on an item that did not complete."""
        self.skip(dependencies.skipped(item))

    def skip(self, items: Iterable[Item[Any]]) -> None:
        """Skip items that cannot run."""
        for each in items:
            self._registry.move(each, State.SKIPPED)

    def finish(self, item: Item[Any], ending: Ending, *, has_slot: bool) -> None:
        """Note how the body of an item ended; of a cancelled one that is nobody's business any more.

        Args:
            item: The item.
            ending: What its body gave.
            has_slot: Whether whoever ran it goes on to `take` another, and so one of those that become ready now.
        """
        if self.broken is not None:
            return
        self._starting += has_slot
        record = record_of(item)
        record.asyncio_task = None
        self.bodies -= 1
        if record.state in _ACTIVE:
            result, error = ending
            record.result = result
            record.failure = error = error if result is None else result.error
            if error is None:
                self._registry.move(item, State.COMPLETED)
                record.context = None
                for each in dependencies.freed(item):
                    self.make_ready(each)
            else:
                self._end_with(error, item)
        self._futures_of(record).change(record.session, running=-1)
        self.note_idle()
        self._starting -= has_slot

    def _end_with(self, error: BaseException, item: Item[Any]) -> None:
        """Give an item that did not complete its state: a suspended one is paused, not failed."""
        record = record_of(item)
        if not isinstance(error, Suspended):
            self._registry.move(item, State.CANCELLED if _is_cancellation(error) else State.FAILED)
            self.skip_dependants(item)
            return
        if record.state is State.RETRYING:
            self._registry.move(item, State.RUNNING)
        self._registry.move(item, State.PAUSED)
        record.failure = None
        if self.closing or (record.session is not None and record.session.is_draining):
            self.cancel(item)

    # Slots ------------------------------------------------------------------------------------------------------

    def pause(self, paused: bool) -> None:
        """Start no more items, or go on."""
        self.paused = paused
        self._functions.pause(paused)
        self._coroutines.pause(paused)
        if not paused:
            self.ready.wake()
            self.fill()

    def fill(self) -> None:
        """Start workers for free slots and ready items."""
        if self._used == self._slots:
            return
        ready = self._registry.counts[State.READY]
        while self._used < self._slots and self._starting < ready and not self.paused:
            self._used += 1
            self._starting += 1
            self._start_worker(self.ready.first())

    def worker_started(self) -> None:
        """Note that a worker is there: it takes an item next."""
        self._starting -= 1

    def take(self) -> Item[Any] | None:
        """Take the best ready item, or give the slot back."""
        item = None if self.paused or self.broken else self.ready.first()
        if item is None:
            self._used -= 1
            return None
        self._start(item)
        return item

    def claim(self, target: Item[Any]) -> Item[Any] | None:
        """Take a ready item that has to run before `target` can end, for somebody who waits for that anyway."""
        if self.paused or self.broken:
            return None
        found = dependencies.ready_before(target)
        if found is not None:
            self._start(found)
        return found

    def _start(self, item: Item[Any]) -> None:
        record = record_of(item)
        record.ready_entry = None
        self._registry.move(item, State.RUNNING)
        if record.line is not None:
            record.line.left(item)
        self.bodies += 1
        self._futures_of(record).change(record.session, ready=-1, running=1)

    def _futures_of(self, record: Record) -> SessionFutures:
        return self._coroutines if record.is_async else self._functions

    # The end ----------------------------------------------------------------------------------------------------

    @property
    def is_idle(self) -> bool:
        """Whether every item has ended, no function runs, and all of it was told."""
        is_over = not self._registry.unfinished and not self.bodies
        return is_over and self._registry.notifier.is_idle

    def break_down(self, error: BaseException) -> None:
        """End the manager with an error of the queue's own: what has not ended fails with it, and nobody waits on.

        As little as can be is used for it, since something of it is broken.
        """
        if self.broken is not None:
            return
        self.broken, self.closing = error, True
        self._registry.fail_all(error)
        self._functions.release_all()
        self._coroutines.release_all()
        callbacks, self._when_idle = self._when_idle, []
        for callback in callbacks:
            callback()
        self.ready.wake()

    def raise_broken(self) -> None:
        """Raise what ended the manager, if anything did."""
        if self.broken is not None:
            raise self.broken

    def when_idle(self, callback: Callable[[], object]) -> None:
        """Call this once when every item has ended and no function runs."""
        self._when_idle.append(callback)
        if self.broken is not None:
            callback()
        self.note_idle()

    def note_idle(self) -> None:
        """Tell those who wait for it that every item has ended and no function runs, if so."""
        if self._when_idle and not self._registry.unfinished and not self.bodies:
            callbacks, self._when_idle = self._when_idle, []
            for callback in callbacks:
                self._registry.notifier.after(callback)


def _is_cancellation(error: BaseException) -> bool:
    if isinstance(error, Exception):
        return False
    import asyncio

    return isinstance(error, asyncio.CancelledError)
