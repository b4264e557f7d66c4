"""A map, gather, parallel, pipeline or graph run, and the calls it made."""

from __future__ import annotations

import itertools
import time
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from pegboard.current import running_call
from pegboard.plans.events import BEGUN, ENDED
from pegboard.records import Outcome, status_of

if TYPE_CHECKING:
    from pegboard.calls.call import Call
    from pegboard.sessions.session import Session
    from pegboard.tasks.task import Task

_next_number = itertools.count(1).__next__
_told: ContextVar[bool] = ContextVar("pegboard_group_told", default=False)


class Group:
    """Calls that belong together: their observers are told when the first begins and when the last is over.

    Attributes:
        kind: `map`, `gather`, `parallel` or `pipeline`; plugins have kinds of their own, `graph` for one.
        name: The mapped task's name, or the group's own; of a `gather`, `parallel` or `pipeline`, the names of what it calls.
        size: How many calls there will be; None where that is not known beforehand.
        parent: The call that made the group, or None.
        session: The session it runs in.
        task: The task all calls are of, or None.
        calls: How many calls began so far.
        failed: How many of them ended with an error.
        wants_names: Whether calls of nodes and steps are to bear their names, as `records.NODE`; whoever is told of the group says so.
    """

    def __init__(
        self,
        session: Session,
        kind: str,
        name: str,
        *,
        size: int | None = None,
        task: Task[..., Any] | None = None,
    ) -> None:
        self.session = session
        self.kind = kind
        self.name = name
        self.size = size
        self.task = task
        self.parent: Call | None = running_call.get()
        self.number = _next_number()
        self.calls = 0
        self.failed = 0
        self.started = time.perf_counter()
        self.hooking = False
        self.stage = 0  # how far its events are; see `plans.events`
        self.hook_failures: list[BaseException] | None = None
        self.wants_names = False

    def __repr__(self) -> str:
        return f"<Group {self.kind} {self.name} {self.id}>"

    @property
    def id(self) -> str:
        """This group's id, unique within the session's process."""
        return f"{self.session.id}-g{self.number:x}"

    def begin(self) -> None:
        """Tell `before_group`; when that is interrupted, the end of what began to be told is told, too."""
        if (in_flight := self.session.in_flight) is not None:
            in_flight.groups.add(self)
        try:
            self._tell("before_group")
        except BaseException as error:
            self.end(error)
            raise

    def end(self, error: BaseException | None, value: Any = None) -> None:
        """Tell `after_group`, if `before_group` began to be told, and this did not: a Ctrl-C may have come in between."""
        if (in_flight := self.session.in_flight) is not None:
            in_flight.groups.discard(self)
        events = self.session.group_events()
        if self.stage == ENDED or (self.stage < BEGUN and "before_group" in events and not _told.get()):
            return
        duration = time.perf_counter() - self.started
        status = "ok" if error is None else status_of(error)
        self._tell("after_group", Outcome(status, "run", value, error, self.calls, duration))
        self.session.faults.raise_of(self, error)

    def _tell(self, event: str, *details: object) -> None:
        if _told.get():  # made by an observer of groups: not told of again, or it would never end
            return
        dispatch = self.session.group_events().get(event)
        if dispatch is None:
            return
        try:
            _told.set(True)
            dispatch(self, *details)
        finally:
            _told.set(False)
