"""Telling observers and waiters, in the order of what happened and outside of the lock."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pegboard_queue.items.state import ENDED, State

if TYPE_CHECKING:
    from pegboard import Session
    from pegboard_queue.items.item import Item

_EVENT = "on_item_change"
Observers = list[tuple[str, Callable[..., object], tuple[str, ...]]]


class Teller:
    """Keeps what is to be told in a line, and has one thread at a time tell it.

    So an observer may use the manager, changes are told in their order, and whoever waits for an item goes on only after
    its last change was told. Without observers nothing is put in the line.
    """

    def __init__(self, guard: threading.RLock) -> None:
        self._guard = guard
        self._line: deque[Callable[[], object]] = deque()
        self._thread: int | None = None
        self._session: Session | None = None
        self._version = -1
        self._observers: Observers = []

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is left to be told."""
        return not self._line and self._thread is None

    @property
    def is_telling(self) -> bool:
        """Whether this thread is in an observer of a change."""
        return self._thread == threading.get_ident()

    def changed(self, item: Item[Any], old: State, new: State) -> None:
        """Put a change in the line; the guard is held."""
        session = item.session
        if session is None:
            return
        if session is not self._session or session.version != self._version:
            self._session, self._version = session, session.version
            self._observers = _observers(session)
        if self._observers:
            observers = self._observers
            self._line.append(lambda: _tell(session, observers, item, old, new))

    def after(self, function: Callable[[], object]) -> None:
        """Call a quick function once all that is in the line has been told; the guard is held."""
        if self.is_quiet:
            function()
        else:
            self._line.append(function)

    def tell(self) -> None:
        """Tell all that is in the line, unless another thread is at it; the guard is not held."""
        if not self._line:
            return
        with self._guard:
            if self._thread is not None:
                return
            self._thread = threading.get_ident()
        while True:
            with self._guard:
                if not self._line:
                    self._thread = None
                    return
                function = self._line.popleft()
            function()


def answer(item: Item[Any]) -> None:
    """Let those go on who wait for an item that has ended."""
    if item.state not in ENDED:  # it was retried meanwhile
        return
    item.answered = True
    callbacks, item.callbacks = item.callbacks, None
    for callback in callbacks or ():
        callback()


def _observers(session: Session) -> Observers:
    caller = getattr(session.pm.hook, _EVENT, None)
    found = [] if caller is None else reversed(caller.get_hookimpls())
    return [(each.plugin_name, each.function, each.argnames) for each in found]


def _tell(session: Session, observers: Observers, item: Item[Any], old: State, new: State) -> None:
    facts = {"item": item, "old": old, "new": new}
    for plugin, function, argnames in observers:
        try:
            function(*[facts[name] for name in argnames])
        except BaseException as error:  # noqa: BLE001 - an observer cannot stop a queue
            stop = session.hook_failed(plugin, _EVENT, item, error)
            if stop is not None:  # raised where the item is waited for: this may be any thread
                item.hook_failures = [*(item.hook_failures or ()), stop]
