"""The hook spec that durable runs add to a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pegboard import hookspec

if TYPE_CHECKING:
    from pegboard import Call


@hookspec
def on_replay(call: Call, key: str) -> None:
    """Called once for a step whose recorded outcome is the answer: it does not run. `key` is its place in the run.

    Mark an implementation `@hookimpl(optionalhook=True)` where `Durability` may not be attached.
    """
