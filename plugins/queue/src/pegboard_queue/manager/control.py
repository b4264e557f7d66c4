"""What may be done to items that were submitted: each change is checked, made under the guard, and told afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pegboard import current_call
from pegboard_queue._errors import ManagerClosed
from pegboard_queue.items.item import record_of, refuse_started
from pegboard_queue.items.state import ENDED, State, illegal
from pegboard_queue.running import dependencies

if TYPE_CHECKING:
    from pegboard import Call, Session
    from pegboard_queue.items.item import Item
    from pegboard_queue.manager.waiting import Waiting
    from pegboard_queue.running.registry import Registry
    from pegboard_queue.running.scheduler import Scheduler

_NOT_STARTED = (State.PENDING, State.WAITING, State.READY)
_LEFT = (*_NOT_STARTED, State.PAUSED)
_CHANGEABLE = (State.WAITING, State.READY, State.PAUSED)


class Control:
    """Cancels, retries, pauses and resumes the items of one manager, and changes what they depend on."""

    def __init__(self, registry: Registry, scheduler: Scheduler, waiting: Waiting) -> None:
        self._registry = registry
        self._scheduler = scheduler
        self._waiting = waiting

    def is_of(self, registry: Registry) -> bool:
        """Whether these are the items that it changes."""
        return self._registry is registry

    def cancel(self, item: Item[Any]) -> None:
        """Cancel an item; see `TaskManager.cancel`."""
        with self._registry.guard:
            self._scheduler.cancel(item)
        self._registry.notifier.deliver()

    def cancel_where(self, chosen: Callable[[Item[Any]], bool]) -> None:
        """Cancel every item that has not ended and is chosen."""
        with self._registry.guard:
            self._cancel_where(chosen)
        self._registry.notifier.deliver()

    def begin_closing(self, *, cancel: bool) -> None:
        """Take no more items from outside, and cancel what would never start; with `cancel` all."""
        with self._registry.guard:
            self._scheduler.closing = True
            never = (State.PAUSED, *(_NOT_STARTED if cancel or self._scheduler.paused else ()))
            self._cancel_where(lambda item: item.state in never)
        self._registry.notifier.deliver()
        if cancel:
            self.cancel_where(lambda _: True)

    def begin_draining(self) -> None:
        """Cancel what has not started in sessions that drain, unless what submitted it still runs, which may need it."""
        self.cancel_where(lambda item: _is_left(item) and not _is_running(record_of(item).parent_call))

    def begin_closing_drained(self) -> None:
        """Take no more items from outside, and cancel what has not started, unless an item that runs has submitted it."""
        with self._registry.guard:
            self._scheduler.closing = True
            self._cancel_where(_is_left)
        self._registry.notifier.deliver()

    def refuse_draining(self, session: Session | None, parent: Call | None) -> None:
        """Refuse what would begin in a session that drains, unless a call that runs asks.

        Raises:
            ManagerClosed: It would.
        """
        if session is not None and session.is_draining and not _is_running(parent):
            raise ManagerClosed(
                "the session of this item drains, as the program is about to end, so no more work begins in it.\n"
                "Calls that run may still submit what they need."
            )

    def _cancel_where(self, chosen: Callable[[Item[Any]], bool]) -> None:
        for item in [*self._registry.items.values()]:
            if item.state not in ENDED and chosen(item):
                self._scheduler.cancel(item)

    def count(self, state: State) -> int:
        """How many items are in a state."""
        return self._registry.counts[state]

    def end_session(self, session: Session) -> None:
        """Cancel what is left of a session that ends: what could run in it has."""
        self.cancel_where(lambda item: record_of(item).session is session)

    def refuse_closed(self) -> None:
        """Refuse what a closed manager does for its own items alone.

        Raises:
            ManagerClosed: The manager is closed, and no item of it asks.
        """
        if self._scheduler.broken or (self._scheduler.closing and self._waiting.inside() is None):
            raise ManagerClosed(
                "this manager has been closed, so it takes no more work.\nMake another TaskManager."
            ) from self._scheduler.broken

    def retry(self, item: Item[Any], *, dependants: bool) -> None:
        """Make a failed item ready again; see `TaskManager.retry`."""
        record = record_of(item)
        with self._registry.guard:
            self.refuse_closed()
            self.refuse_draining(record.session, current_call())
            if record.state is not State.FAILED:
                raise illegal(record.name, record.state, State.READY, "only a failed item is retried")
            behind = dependencies.revived(item) if dependants else ()
            for each in behind:
                record_of(each).failure = None
                self._registry.move(each, State.WAITING)
            record.failure = record.result = None
            self._scheduler.make_ready(item)
        self._registry.notifier.deliver()

    def prioritize(self, item: Item[Any], priority: int) -> None:
        """Give an item that waits another priority, and its place; see `Item.priority`."""
        with self._registry.guard:
            refuse_started(record_of(item))
            record_of(item).priority = priority
            if item.state is State.READY:
                self._scheduler.ready.replace(item, self._registry.counts[State.READY])

    def pause(self, item: Item[Any] | None) -> None:
        """Keep an item, or all, from starting; see `TaskManager.pause`."""
        with self._registry.guard:
            self.refuse_closed()
            if item is None:
                self._scheduler.pause(True)
            elif item.state in (State.RUNNING, State.RETRYING):  # only its own task can suspend it
                raise illegal(item.name, item.state, State.PAUSED, "it has started")
            else:
                self._scheduler.take_back(item, State.PAUSED)
        self._registry.notifier.deliver()

    def resume(self, item: Item[Any] | None) -> None:
        """Let an item, or all, go on; see `TaskManager.resume`."""
        with self._registry.guard:
            if item is None:
                self._scheduler.pause(False)
            elif item.state is not State.PAUSED:
                raise illegal(item.name, item.state, State.READY, "it is not paused")
            elif record_of(item).unmet:
                self._registry.move(item, State.WAITING)
            else:
                self._scheduler.make_ready(item)
        self._registry.notifier.deliver()

    def add_dependency(self, item: Item[Any], on: Item[Any] | str) -> None:
        """Have an item wait for another one too; see `TaskManager.add_dependency`."""
        with self._registry.guard:
            if item.state not in _CHANGEABLE:
                raise illegal(item.name, item.state, State.WAITING)
            (other,) = dependencies.resolve(self._registry, item, (on,))
            if other in item.dependencies:
                return
            dependencies.refuse_cycle(item, other)
            dependencies.connect(item, (other,))
            if record_of(item).unmet:
                self._scheduler.wait_or_skip(item)
        self._registry.notifier.deliver()

    def remove_dependency(self, item: Item[Any], on: Item[Any]) -> None:
        """Have an item wait for another one no longer; see `TaskManager.remove_dependency`."""
        with self._registry.guard:
            if item.state not in _CHANGEABLE:
                raise illegal(item.name, item.state, State.READY)
            dependencies.disconnect(item, on)
            if not record_of(item).unmet and item.state is State.WAITING:
                self._scheduler.make_ready(item)
        self._registry.notifier.deliver()

    def note_attempt(self, item: Item[Any], state: State) -> None:
        """Note that a running item is retried, or runs again."""
        with self._registry.guard:
            if item.state in (State.RUNNING, State.RETRYING) and item.state is not state:  # not cancelled
                self._registry.move(item, state)
        self._registry.notifier.deliver()


def _is_left(item: Item[Any]) -> bool:
    """Whether an item that has not started will not, as its session drains: all but those of items that run."""
    record = record_of(item)
    if record.session is None or not record.session.is_draining or record.state not in _LEFT:
        return False
    return record.parent is None or record.parent.state in ENDED


def _is_running(call: Call | None) -> bool:
    return call is not None and call.outcome is None
