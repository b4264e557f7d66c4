"""Taking items in: in the session and with the context of whoever submits them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from pegboard import current_call, current_session
from pegboard.clock import SYSTEM_CLOCK, Clock
from pegboard.parts.stopping import Stop, stop_in_force
from pegboard_queue._plugin import plugin_of
from pegboard_queue.items.item import Item, record_of, running_item
from pegboard_queue.items.state import State, illegal
from pegboard_queue.running import dependencies
from pegboard_queue.running.batch import Batch
from pegboard_queue.running.line import line_of

if TYPE_CHECKING:
    from contextvars import Context

    from pegboard import Call, Session
    from pegboard_queue.manager.control import Control
    from pegboard_queue.manager.manager import TaskManager
    from pegboard_queue.running.line import Line
    from pegboard_queue.running.registry import Registry
    from pegboard_queue.running.scheduler import Scheduler

    Place = tuple[Session | None, Call | None, Context]


class Admission:
    """The way in to one manager.

    Args:
        registry, scheduler, control: The manager's.
        home: Where a thread without a session of its own submits.
    """

    def __init__(
        self, registry: Registry, scheduler: Scheduler, control: Control, home: Place | None
    ) -> None:
        self._registry = registry
        self._scheduler = scheduler
        self._control = control
        self._home = home
        self._adopted: Session | None = None
        self._version = 0
        self._line: Line | None = None

    def session(self) -> Session | None:
        """The session that an item submitted here would run in."""
        return current_session() or (self._home and self._home[0])

    def clock(self) -> Clock:
        """Its clock."""
        session = self.session()
        return SYSTEM_CLOCK if session is None else session.clock

    def adopt(self, manager: TaskManager, session: Session | None, *, made_here: bool = False) -> None:
        """Make sure that the session watches its items, and ends the manager made in it."""
        self._adopted, self._line = session, None
        if session is not None:
            plugin_of(session).adopt(manager, self._control, session, made_here=made_here)
            self._line, self._version = line_of(session), session.version

    def admit(self, manager: TaskManager, item: Item[Any], depends_on: Sequence[Item[Any] | str]) -> None:
        """Take in a pending item; it runs once what it depends on has completed."""
        record = record_of(item)
        more = (*record.wanted, *depends_on)
        place = self._place_for(manager, item)
        self._control.refuse_draining(place[0], place[1])
        with self._registry.guard:
            self._control.refuse_closed()
            needs = dependencies.resolve(self._registry, item, more) if more else ()
            self._registry.add(item)
            self._settle(manager, item, place)
            self._begin(item, needs)
        self._registry.notifier.deliver()

    def admit_all(
        self, manager: TaskManager, items: Sequence[Item[Any]], depends_on: Sequence[Item[Any] | str]
    ) -> None:
        """Take in several pending items, or none of them; each may depend on any other of them."""
        places = [self._place_for(manager, item) for item in items]
        for session, parent, _ in places:
            self._control.refuse_draining(session, parent)
        if len(set(items)) < len(items):
            raise ValueError("an item stands in the list twice, and would run twice.")
        with self._registry.guard:
            self._control.refuse_closed()
            needs_of = Batch(self._registry, items).resolved(depends_on)
            for item, place in zip(items, places, strict=True):
                self._registry.add(item)
                self._settle(manager, item, place)
            for item in items:  # first all: what is skipped at once skips what stands behind it
                dependencies.connect(item, needs_of[item])
            for item in items:
                self._begin(item, ())
        self._registry.notifier.deliver()

    def _place_for(self, manager: TaskManager, item: Item[Any]) -> Place:
        """Tell in which session, in which call and with which context an item is to run."""
        record = record_of(item)
        if record.state is not State.PENDING or record.manager is not None:
            raise illegal(record.name, record.state, State.READY, "it was submitted before")
        session, parent, context = current_session(), current_call(), copy_context()
        if session is None and self._home is not None:
            session, parent, context = self._home[0], self._home[1], self._home[2].copy()
        if session is not self._adopted or (session is not None and session.version != self._version):
            self.adopt(manager, session)
        return session, parent, context

    def _settle(self, manager: TaskManager, item: Item[Any], place: Place) -> None:
        record = record_of(item)
        record.manager, record.control, record.line = manager, self._control, self._line
        record.session, record.parent_call, record.context = place
        record.parent = running_item.get()
        if not record.is_async:
            record.stop = Stop("the item was cancelled")
        place[2].run(_enter, item, record.stop)

    def _begin(self, item: Item[Any], needs: Iterable[Item[Any]]) -> None:
        if needs:
            dependencies.connect(item, needs)
        if record_of(item).unmet:
            self._scheduler.wait_or_skip(item)
        else:
            self._scheduler.make_ready(item)


def place_here() -> Place | None:
    """Return where this is; None without a session."""
    session = current_session()
    return None if session is None else (session, current_call(), copy_context())


def _enter(item: Item[Any], stop: Stop | None) -> None:
    """Make an item the one that the code of a context belongs to."""
    running_item.set(item)
    stop_in_force.set(stop)
