"""The plugin: tells what becomes of items, and ends the managers that a session leaves open."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from pegboard import Layer, MissingPlugin, Order, hookimpl
from pegboard.parts import after_fork, new_lock
from pegboard.parts.stopping import refuse_stopped
from pegboard_queue import hookspecs
from pegboard_queue.items.item import record_of, running_item
from pegboard_queue.items.state import State
from pegboard_queue.running.line import show_states

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pegboard import Call, Session, Task
    from pegboard.layers import Proceed, ProceedStream
    from pegboard_queue.manager.control import Control
    from pegboard_queue.manager.manager import TaskManager


class Queue:
    """Ties task managers to a session; a `TaskManager` made in a session attaches it.

    It brings the event `on_item_change`, marks items whose task is retried as `retrying`, and at the end of a
    session cancels what is paused, and closes the managers that were made in it and not closed.
    """

    name = "queue"
    hookspecs = hookspecs

    def __init__(self) -> None:
        self._guard = new_lock()
        self._controls: weakref.WeakSet[Control] = weakref.WeakSet()
        self._made_in: weakref.WeakKeyDictionary[TaskManager, int] = weakref.WeakKeyDictionary()
        after_fork(self._leave_to_parent)

    def _leave_to_parent(self) -> None:
        """In a forked child: what there is to steer is the parent's; managers begin anew."""
        self._controls = weakref.WeakSet()

    @hookimpl
    def bind(self, session: Session, task: Task[..., Any]) -> object:  # noqa: ARG002 - pluggy's names
        """Watch the attempts of tasks that could be retried, and wait before they run: those with an option."""
        if not task.options:
            return None
        return [_Attempts()] if task.kind in ("coroutine", "async_generator") else [_Attempts(), _WANTED]

    @hookimpl
    def on_retry(self, call: Call) -> None:
        """Mark the item of the call as retrying."""
        _note_attempt(call, State.RETRYING)

    @hookimpl
    def session_draining(self) -> None:
        """Cancel what waits to begin."""
        with self._guard:
            controls = list(self._controls)
        for control in controls:
            control.begin_draining()

    @hookimpl
    def session_end(self, session: Session) -> None:
        """End what the session leaves."""
        with self._guard:
            controls = list(self._controls)
            own = [manager for manager, made_in in self._made_in.items() if made_in == id(session)]
        for control in controls:
            control.end_session(session)
        for manager in own:
            if not manager.is_closed:
                manager.close_in_time()

    def adopt(self, manager: TaskManager, control: Control, session: Session, *, made_here: bool) -> None:
        """Remember a manager that is used in a session, or was made in it."""
        with self._guard:
            self._controls.add(control)
            if made_here:
                self._made_in[manager] = id(session)
        show_states(session, self._count)

    def _count(self, state: State) -> int:
        with self._guard:
            controls = list(self._controls)
        return sum(control.count(state) for control in controls)


class _Attempts:
    """Marks an item as running again when the attempt after a retry's wait begins."""

    @hookimpl
    def before_attempt(self, call: Call) -> None:
        _note_attempt(call, State.RUNNING)


async def _run(call: Call, proceed: Proceed) -> Any:
    refuse_stopped()
    return await proceed(call)


async def _stream(call: Call, proceed: ProceedStream) -> AsyncIterator[Any]:
    refuse_stopped()
    async for item in proceed(call):
        yield item


# Whatever the layers around it waited for, a function does not begin any more once its item was cancelled.
_WANTED = Layer("queue", Order.VALIDATE + 1, run=_run, stream=_stream)


def _note_attempt(call: Call, state: State) -> None:
    """Note an attempt of the item that a call was made for; a call that its function made has another parent."""
    item = running_item.get()
    if item is None:
        return
    record = record_of(item)
    if record.control is not None and call.parent is record.parent_call:
        record.control.note_attempt(item, state)


def plugin_of(session: Session) -> Queue:
    """Return the session's plugin, attached now if it was not.

    Raises:
        MissingPlugin: The session refuses to attach plugins by itself.
    """
    found = session.get(Queue)
    if found is not None:
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
