"""What runs in a session that serves the whole process: somebody has to know it, as others make its calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pegboard.plans.events import ENDED
from pegboard.plans.on_stacks import calls_on_stacks
from pegboard.plans.plan import session_has_ended

if TYPE_CHECKING:
    from pegboard.calls.call import Call
    from pegboard.running.group import Group


class InFlight:
    """The calls and groups that have begun in a session, or in one inside it, and are not over.

    Attributes:
        coroutines: The calls of coroutines; those of functions are on the stacks of threads, and a session knows its streams.
        groups: The groups.
        closed: Empty until the session ends though some of this goes on: what begins from then on tells nothing.
    """

    def __init__(self) -> None:
        self.coroutines: set[Call] = set()
        self.groups: set[Group] = set()
        self.closed: list[bool] = []

    def running(self) -> list[Call]:
        """Return the calls that observers do not know to be over."""
        functions = [call for call in calls_on_stacks() if call.session.in_flight is self]
        return [call for call in (*list(self.coroutines), *functions) if call.stage < ENDED]

    def clear(self) -> None:
        """In a forked child: what has begun is the parent's."""
        for call in self.running():
            call.stage, call.attempt_ended = ENDED, call.attempt
        self.coroutines.clear()
        self.groups.clear()

    def abandon(self) -> list[Call]:
        """End for observers what runs, though it goes on, and return those calls."""
        self.closed.append(True)
        running = self.running()
        for call in running:
            call.plan.abandon(call)
        for group in list(self.groups):
            group.end(session_has_ended())
        return running
