"""The context variables: which session and which call the running code belongs to, and which group a call is to join."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator

    from pegboard.calls.call import Call
    from pegboard.running.group import Group
    from pegboard.sessions.session import Session

active_session: ContextVar[Session | None] = ContextVar("pegboard_session", default=None)
outer_sessions: ContextVar[tuple[Session | None, ...]] = ContextVar("pegboard_outer_sessions", default=())
running_call: ContextVar[Call | None] = ContextVar("pegboard_call", default=None)


class Joining:
    """A coroutine that was handed to a group; if it is a task's, its call is one of the group's.

    Attributes:
        coroutine: The coroutine.
        group: The group.
        index: Its position there.
    """

    __slots__ = ("coroutine", "group", "index")

    def __init__(self, coroutine: Coroutine[Any, Any, Any], group: Group, index: int) -> None:
        self.coroutine: Any = coroutine
        self.group = group
        self.index = index

    def take(self, call: Call, frame: object) -> bool:
        """Have the call of this frame join, if the frame is the coroutine's own; whether it is."""
        joins = self.coroutine.cr_frame is frame
        if joins:
            call.group = self.group
            call.map_index = self.index
            joining.set(None)
        return joins


joining: ContextVar[Joining | None] = ContextVar("pegboard_joining", default=None)


def calls_around() -> Iterator[Call]:
    """The calls that the running code is in, the innermost first."""
    call = running_call.get()
    while call is not None:
        yield call
        call = call.parent


def current_call() -> Call | None:
    """Return the call that the running code belongs to, or None outside any call."""
    return running_call.get()
