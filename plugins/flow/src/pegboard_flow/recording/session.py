"""The session that serves while the body of a flow runs: its tasks are recorded, not run."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pegboard import Session
from pegboard.parts.contexts import context_manager
from pegboard_flow._errors import PlaceholderError
from pegboard_flow._recorder import current_recorder
from pegboard_flow._tasks import checked_mapping
from pegboard_flow.recording.recording import Recording

if TYPE_CHECKING:
    from pegboard import Task


@context_manager
def recorded() -> Iterator[Recording]:
    """Record the calls that are made inside, in this context."""
    recording = Recording()
    token = current_recorder.set(recording)
    try:
        with _recording_session():
            yield recording
    finally:
        current_recorder.reset(token)


@functools.cache
def _recording_session() -> Session:
    """Make the one that serves all flows: what differs between them is in the context."""
    session = Session(inherit=False)
    session.diverted = _record
    return session


def _record(way: str, task: Task[..., Any] | None, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Record a call or map of a task, and return what stands for its value; refuse what needs the value at once."""
    if task is None:
        raise PlaceholderError(
            "the body of a flow wants to run something, and nothing runs there.\n"
            "Call the tasks: those that do not wait for each other run at the same time once the body is over.",
            node="",
        )
    recorder = current_recorder.get()
    if recorder is None:
        raise PlaceholderError(
            f"task {task.name!r} was called in a session that only records, outside of a flow's body.",
            node=task.name,
        )
    if way == "call":
        return recorder.add(task, args, kwargs)
    if way == "acall":
        return task(*args, **kwargs)  # comes back as a plain call; of a bound task with its object
    if way in ("map", "amap"):
        return recorder.add(checked_mapping(task, args, **kwargs), args, {})
    raise PlaceholderError(
        f"the body of a flow does more with task {task.name!r} than to call it, and nothing runs there.\n"
        f"Call the task: task(...). For each of many items: task.map(items).",
        node=task.name,
    )
