"""The hook spec that limits add to a session: what becomes of a breaker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pegboard import hookspec

if TYPE_CHECKING:
    from pegboard import Call
    from pegboard_limits.breaker.state import State


@hookspec
def on_breaker_change(call: Call, name: str, state: State, previous: State) -> None:
    """Called when a breaker changes its state, once each time, in the call that made it change.

    `state` and `previous` are `closed`, `half_open` or `open`; `name` is the breaker's. An error in an observer of it is
    isolated, as everywhere. Mark an implementation `@hookimpl(optionalhook=True)` where `Limits` may not be attached.
    """
