"""The hook specs that a schedule adds to a session: a scheduled run begins, and an entry is at fault."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pegboard import hookspec

if TYPE_CHECKING:
    from pegboard import Call, Session
    from pegboard_schedule._records import Fault, Fire


@hookspec
def on_schedule_fire(call: Call, fire: Fire) -> None:
    """Called once for each scheduled run, in its call, right after `before_execute`.

    `fire` tells the id, when it was due, how late it is in seconds, and how many runs were missed before it. Mark an
    implementation `@hookimpl(optionalhook=True)` where `Scheduling` may not be attached.
    """


@hookspec
def on_schedule_error(session: Session, fault: Fault) -> None:
    """Called when the trigger or the condition of an entry failed, or did not answer in time; the other entries go on.

    `fault` tells the id, the task, the error, and whether the entry is paused for it. It is told in the thread of the
    schedule, or in that of `run_pending`, outside of any call. Mark an implementation `@hookimpl(optionalhook=True)` where
    `Scheduling` may not be attached.
    """
