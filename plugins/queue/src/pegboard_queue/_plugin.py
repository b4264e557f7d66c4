"""The plugin: tells what becomes of items, and ends the managers that a session leaves open."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING, Any

from pegboard import MissingPlugin, hookimpl
from pegboard_queue import hookspecs
from pegboard_queue.items.item import record_of, running_item
from pegboard_queue.items.state import State

if TYPE_CHECKING:
    from pegboard import Call, Session, Task
    from pegboard_queue.items.item import Item
    from pegboard_queue.manager.manager import TaskManager


class Queue:
    """Ties task managers to a session; a `TaskManager` made in a session attaches it.

    It brings the event `on_item_change`, marks items whose task is retried as `retrying`, and at the end of a
    session cancels what is paused, and closes the managers that were made in it and not closed.
    """

    name = "queue"
    hookspecs = hookspecs

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._managers: weakref.WeakSet[TaskManager] = weakref.WeakSet()
        self._own: weakref.WeakKeyDictionary[TaskManager, int] = weakref.WeakKeyDictionary()

    @hookimpl
    def bind(self, session: Session, task: Task[..., Any]) -> object:  # noqa: ARG002 - pluggy's names
        """Watch the attempts of tasks that could be retried: those with an option."""
        return _Attempts() if task.options else None

    @hookimpl
    def on_retry(self, call: Call) -> None:
        """Mark the item of the call as retrying."""
        item = _item_of(call)
        if item is not None and item.manager is not None:
            item.manager.note_attempt(item, State.RETRYING)

    @hookimpl
    def session_end(self, session: Session) -> None:
        """End what the session leaves."""
        with self._guard:
            managers = list(self._managers)
        for manager in managers:
            manager.end_session(session)
        for manager in managers:
            if self._own.get(manager) == id(session):
                manager.close(cancel=True)

    def adopt(self, manager: TaskManager, session: Session, *, made_here: bool) -> None:
        """Remember a manager that is used in a session, or was made in it."""
        with self._guard:
            self._managers.add(manager)
            if made_here:
                self._own[manager] = id(session)


class _Attempts:
    """Marks an item as running again when the attempt after a retry's wait begins."""

    @hookimpl
    def before_attempt(self, call: Call, attempt: int) -> None:
        if attempt == 1:
            return
        item = _item_of(call)
        if item is not None and item.manager is not None:
            item.manager.note_attempt(item, State.RUNNING)


def _item_of(call: Call) -> Item[Any] | None:
    """Return the item that a call was made for; a call that its function made has another parent."""
    item = running_item.get()
    return item if item is not None and call.parent is record_of(item).parent_call else None


def plugin_of(session: Session) -> Queue:
    """Return the session's plugin, attached now if it was not.

    Raises:
        MissingPlugin: The session refuses to attach plugins by itself.
    """
    found = session.plugins.get("queue")
    if isinstance(found, Queue):
        return found
    if session.strict_plugins:
        raise MissingPlugin(
            "a TaskManager needs the plugin 'queue', and this session refuses to attach plugins by itself "
            "(strict_plugins=True).\nAttach it: Session(Queue(), ...).",
            plugin="queue",
        )
    made = Queue()
    session.register(made)
    return made
