"""The two context variables: which session and which call the running code belongs to."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pegboard.calls.call import Call
    from pegboard.sessions.session import Session

active_session: ContextVar[Session | None] = ContextVar("pegboard_session", default=None)
running_call: ContextVar[Call | None] = ContextVar("pegboard_call", default=None)


def current_call() -> Call | None:
    """Return the call that the running code belongs to, or None outside any call."""
    return running_call.get()
