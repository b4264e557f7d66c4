"""The hook spec that a schedule adds to a session: a scheduled run begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pegboard import hookspec

if TYPE_CHECKING:
    from pegboard import Call
    from pegboard_schedule._records import Fire


@hookspec
def on_schedule_fire(call: Call, fire: Fire) -> None:
    """Called once for each scheduled run, in its call, right after `before_execute`.

    `fire` tells the id, when it was due, how late it is in seconds, and how many runs were missed before it. Mark an
    implementation `@hookimpl(optionalhook=True)` where `Scheduling` may not be attached.
    """
