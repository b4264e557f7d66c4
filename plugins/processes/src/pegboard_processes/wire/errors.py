"""Errors on their way from a worker, and what is made of them at home."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any

from pegboard.errors import RemoteError, TransportError
from pegboard_processes.wire.parcels import Failure
from pegboard_processes.wire.pickling import dumps, loads

if TYPE_CHECKING:
    from pegboard.sessions.session import Session
    from pegboard.tasks.task import Task


_TRACEBACK_MOST = 20_000


def pack(error: BaseException, *, sensitive: bool) -> Failure:
    """Make an error ready to travel; it is unpacked once here, as some can be pickled and never made again."""
    shown = "" if sensitive else _text(error)
    try:
        made = dumps(error)
        pickled = made if type(loads(made)) is type(error) else None
    except Exception:  # noqa: BLE001 - then its text travels
        pickled = None
    cls = type(error)
    return Failure(
        pickled, f"{cls.__module__}.{cls.__qualname__}", "" if sensitive else _message(error), shown
    )


def unpack(failure: Failure, pid: int, task: Task[..., object], session: Session) -> BaseException:
    """Return the error to raise at home, with a note of where it was raised."""
    error: BaseException | None = None
    if failure.pickled is not None:
        try:
            error = loads(failure.pickled)
        except Exception:  # noqa: BLE001 - a class that only the worker can make
            error = None
    mask = session.masks.mask if session.masks else str
    shown = mask(failure.traceback)
    if error is None:
        told = f": {mask(failure.message)}" if failure.message else ""
        error = RemoteError(
            f"task {task.name!r} raised {failure.type} in another process{told}\n"
            f"The error itself cannot be pickled, or not be made again from its pickle, so this one stands for it.",
            task=task.name,
            type=failure.type,
            message=mask(failure.message),
            traceback=shown,
        )
    if shown:
        try:
            error.add_note(f"raised in process {pid}:\n{shown.rstrip()}")
        except Exception:  # noqa: BLE001 - a class that takes no notes
            pass
    return error


def _text(error: BaseException) -> str:
    try:
        text = "".join(traceback.format_exception(error))
    except Exception:  # noqa: BLE001 - an error whose __str__ fails
        return ""
    return text if len(text) <= _TRACEBACK_MOST else f"…{text[-_TRACEBACK_MOST:]}"


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001
        return ""


def transport_error(
    task: Task[..., Any],
    index: int | None,
    what: str,
    value: object,
    error: Exception,
    *,
    travelled: bool = False,
) -> TransportError:
    """Say that a value cannot travel, and why; the value itself is not shown.

    Args:
        task: The task.
        index: The item of a map, or None.
        what: What the value is to the call.
        value: The value; None where it could not be made again.
        error: What pickle said.
        travelled: Whether it left the other process, and cannot be made again in this one.
    """
    cls = type(value)
    name = "" if travelled else f"{cls.__module__}.{cls.__qualname__}"
    where = "" if index is None else f" (item {index} of a map)"
    reason = "" if task.sensitive else f": {type(error).__name__}: {error}"
    fault = (
        f"{what} cannot be made again from its pickle"
        if travelled
        else f"{what}, a {name}, cannot be pickled"
    )
    return TransportError(
        f"task {task.name!r}{where}: {fault}{reason}\n"
        f"What travels between processes has to be. Pass a path, an id or plain data instead, or run the task on threads.",
        task=task.name,
        index=index,
        what=what,
        type=name,
    )
