"""The hook specs that durable runs add to a session."""

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


@hookspec
def on_resume(call: Call, run_id: str) -> None:
    """Called where a run that began before is taken up again, by this call of its task, before anything of it runs."""


@hookspec
def on_code_changed(call: Call, key: str) -> None:
    """Called where a resumed run meets a task whose source was edited since: `key` is the step, empty for the run's own task."""


@hookspec
def on_journal_orphan(call: Call, key: str) -> None:
    """Called for a recorded step that a resumed run does not call any more; `call` is what it does instead, or the one around it."""
