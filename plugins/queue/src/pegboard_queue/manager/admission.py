"""Taking items in: in the session and with the context of whoever submits them."""

from __future__ import annotations

from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from pegboard import current_call, current_session
from pegboard.clock import SYSTEM_CLOCK, Clock
from pegboard_queue._plugin import plugin_of
from pegboard_queue.items.item import Item, record_of, running_item
from pegboard_queue.items.state import State, illegal
from pegboard_queue.running import dependencies

if TYPE_CHECKING:
    from pegboard import Session
    from pegboard_queue.manager.control import Control
    from pegboard_queue.manager.manager import TaskManager
    from pegboard_queue.running.dependencies import DependsOn
    from pegboard_queue.running.registry import Registry
    from pegboard_queue.running.scheduler import Scheduler


class Admission:
    """The way in to one manager; made where the manager is."""

    def __init__(self, registry: Registry, scheduler: Scheduler, control: Control) -> None:
        self._registry = registry
        self._scheduler = scheduler
        self._control = control
        session = current_session()
        # Where a thread without a session of its own submits.
        self._home = None if session is None else (session, current_call(), copy_context())
        self._adopted: Session | None = None

    def clock(self) -> Clock:
        """The clock of the session that an item submitted here would run in."""
        session = current_session() or (self._home and self._home[0])
        return SYSTEM_CLOCK if session is None else session.clock

    def adopt(self, manager: TaskManager, session: Session | None, *, made_here: bool = False) -> None:
        """Make sure that the session watches its items, and ends the manager made in it."""
        self._adopted = session
        if session is not None:
            plugin_of(session).adopt(manager, self._control, session, made_here=made_here)

    def admit(self, manager: TaskManager, item: Item[Any], depends_on: DependsOn) -> None:
        """Take in a pending item; it runs once what it depends on has completed."""
        record = record_of(item)
        if record.state is not State.PENDING or record.manager is not None:
            raise illegal(record.name, record.state, State.READY, "it was submitted before")
        session, parent, context = current_session(), current_call(), copy_context()
        if session is None and self._home is not None:
            session, parent, context = self._home[0], self._home[1], self._home[2].copy()
        if session is not self._adopted:
            self.adopt(manager, session)
        context.run(running_item.set, item)
        with self._registry.guard:
            self._control.refuse_closed()
            wanted = dependencies.resolve(self._registry, item, depends_on) if depends_on else ()
            self._registry.add(item)
            record.manager, record.control = manager, self._control
            record.session, record.parent_call, record.context = session, parent, context
            if wanted:
                dependencies.connect(item, wanted)
            if record.unmet:
                self._scheduler.wait_or_skip(item)
            else:
                self._scheduler.make_ready(item)
        self._registry.notifier.deliver()
