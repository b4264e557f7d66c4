"""The lines of calls."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

from pegboard import hookimpl
from pegboard_jsonlines._text import NULL, failure, quoted, timestamp

if TYPE_CHECKING:
    from pegboard import Call, Outcome, Session, Task
    from pegboard_jsonlines._out import Out

_ALONE = '"group": null, "map_index": null'
_UNTRACED = '"trace_id": null, "span_id": null'


def call_observers(session: Session, task: Task[..., object], out: Out, *, messages: bool) -> SimpleNamespace:
    """Make the observer of the ends of one task's calls.

    A line is put together by hand, in a third of the time that an encoder takes: what all lines of the task have in common is
    encoded once, and the rest are ids, numbers, and few texts.
    """
    head = f'"event": "call", "task": {quoted(task.name)}, "name": '
    name = None if "{" in task.name or "}" in task.name else quoted(task.name)
    session_id = quoted(session.id)
    now_of, write = session.clock.time, out.write

    def after_execute(call: Call, outcome: Outcome) -> None:
        now = now_of()
        status, source, _, error, attempts, duration = outcome
        parent = call.parent
        write(
            f'{{"ts": "{timestamp(now)}", {head}{name or quoted(call.name)}, "call_id": "{call.id}", '
            f'"parent_id": {NULL if parent is None else quoted(parent.id)}, "session_id": {session_id}, {_place(call)}, '
            f'"status": "{status}", "source": "{source}", "attempts": {attempts}, "duration": {duration:.6f}, '
            f"{failure(call, error, messages=messages)}, {_trace(call)}}}\n",
            now,
        )

    return SimpleNamespace(after_execute=hookimpl(after_execute))


def _place(call: Call) -> str:
    group = call.group
    if group is None:
        return _ALONE
    index = call.map_index
    return f'"group": {quoted(group.id)}, "map_index": {NULL if index is None else index}'


def _trace(call: Call) -> str:
    trace_id = call.trace_id
    return (
        _UNTRACED
        if trace_id is None
        else f'"trace_id": {quoted(trace_id)}, "span_id": {quoted(call.span_id)}'
    )
