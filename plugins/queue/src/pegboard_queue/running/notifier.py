"""Telling observers and waiters, in the order of what happened and outside of the lock."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pegboard_queue.items.item import record_of
from pegboard_queue.items.state import ENDED, State

if TYPE_CHECKING:
    from pegboard import Session
    from pegboard_queue.items.item import Item
    from pegboard_queue.items.record import Record

_EVENT = "on_item_change"


class Notifier:
    """Keeps the notifications to be delivered in a queue, and has one thread at a time deliver them.

    So an observer may use the manager, changes are told in their order, and whoever waits for an item goes on only after
    its last change was told. Without observers nothing is put in the queue.
    """

    def __init__(self, guard: threading.RLock) -> None:
        self._guard = guard
        self._pending: deque[Callable[[], object]] = deque()
        self._thread: int | None = None

    @property
    def is_idle(self) -> bool:
        """Whether nothing is left to be delivered."""
        return not self._pending and self._thread is None

    @property
    def is_delivering_here(self) -> bool:
        """Whether this thread is in an observer of a change."""
        return self._thread == threading.get_ident()

    def forget(self) -> None:
        """Deliver nothing of what is in the queue, in a forked child: the parent does."""
        self._pending.clear()
        self._thread = None

    def changed(self, session: Session, item: Item[Any], old: State, new: State) -> None:
        """Put a change in the queue; the guard is held."""
        if session.is_answered(_EVENT):
            self._pending.append(lambda: _notify(session, item, old, new))

    def after(self, function: Callable[[], object]) -> None:
        """Call a quick function once all that is in the queue has been delivered; the guard is held."""
        if self.is_idle:
            function()
        else:
            self._pending.append(function)

    def later(self, function: Callable[[], object]) -> None:
        """Call a quick function with the next delivery, when the guard is not held."""
        self._pending.append(function)

    def deliver(self) -> None:
        """Deliver all that is in the queue, unless another thread is at it; the guard is not held."""
        if not self._pending:
            return
        with self._guard:
            if self._thread is not None:
                return
            self._thread = threading.get_ident()
        while True:
            with self._guard:
                if not self._pending:
                    self._thread = None
                    return
                function = self._pending.popleft()
            function()


def release_waiters(record: Record) -> None:
    """Let those go on who wait for an item that has ended."""
    if record.state not in ENDED:  # it was retried meanwhile
        return
    record.is_done = True
    callbacks, record.done_callbacks = record.done_callbacks, None
    for callback in callbacks or ():
        callback()


def _notify(session: Session, item: Item[Any], old: State, new: State) -> None:
    try:
        session.ask(_EVENT, item=item, old=old, new=new)
    except BaseException as error:  # noqa: BLE001 - an observer cannot stop a queue
        record = record_of(item)  # raised where the item is waited for: this may be any thread
        record.hook_failures = [*(record.hook_failures or ()), error]
