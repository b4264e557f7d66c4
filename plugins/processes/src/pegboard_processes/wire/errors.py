"""Errors on their way from a worker, and what is made of them at home."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from pegboard import texts
from pegboard.errors import RemoteError, TransportError
from pegboard.privacy import is_sensitive, mark_sensitive
from pegboard_processes.wire.parcels import Failure
from pegboard_processes.wire.pickling import dumps, loads

if TYPE_CHECKING:
    from pegboard.sessions.session import Session
    from pegboard.tasks.task import Task


_T = TypeVar("_T")
_R = TypeVar("_R")
_E = TypeVar("_E", bound=BaseException)
_TRACEBACK_MOST = 20_000


class NotMade(Exception):  # noqa: N818 - a task raises TransportError in its place
    """What arrived in a worker cannot be made again from its pickle, and nothing of it has begun.

    Attributes:
        what: What it is to the call.
        reason: What pickle said.
    """

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(what, reason)
        self.what = what
        self.reason = reason


def made_again(what: str, make: Callable[[_T], _R], packed: _T) -> _R:
    """Make something again from what arrived.

    Raises:
        NotMade: It cannot be.
    """
    try:
        return make(packed)
    except Exception as error:  # noqa: BLE001 - pickle has no error of its own for all of it
        raise NotMade(what, said(error)) from None


def bare(error: _E) -> _E:
    """Return an error without the frames that it came through: those hold maps and workers, and what was sent to them."""
    return BaseException.with_traceback(error, None)


def said(error: BaseException) -> str:
    """Return type and text of an error, whatever its `__str__` does."""
    text = _message(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def pack(error: BaseException, *, sensitive: bool) -> Failure:
    """Make an error ready to travel."""
    cls = type(error)
    if sensitive or is_sensitive(error):
        mark_sensitive(error)  # itself: its causes stay here
        sensitive = True
    text, message = ("", "") if sensitive else (_text(error), _message(error))
    return Failure(_pickled(error), f"{cls.__module__}.{cls.__qualname__}", message, text)


def _pickled(error: BaseException) -> bytes | None:
    """Pickle an error; it is made again once here, as some can be pickled and never made again."""
    for whole in (error, _Parts(error)):
        try:
            made = dumps(whole)
            if type(loads(made)) is type(error):
                return made
        except Exception:  # noqa: BLE001, S112 - then its parts travel, or its text
            continue
    return None


class _Parts:
    """An error to be made again without its `__init__`, which wants other arguments, and without its `__setattr__`."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def __reduce__(self) -> Any:
        cls = type(self._error)
        if cls.__reduce__ is not BaseException.__reduce__:
            raise TypeError(f"{cls.__qualname__} has its own way to be pickled")
        return _assembled, (cls, self._error.args, self._error.__dict__)


def _assembled(cls: type[BaseException], args: tuple[Any, ...], state: dict[str, Any]) -> BaseException:
    error = cls.__new__(cls, *args)
    error.__dict__.update(state)
    return error


def unpack(failure: Failure, pid: int, task: Task[..., object], session: Session) -> BaseException:
    """Return the error to raise at home, with a note of where it was raised."""
    error: BaseException | None = None
    if failure.pickled is not None:
        try:
            made: object = loads(failure.pickled)
            error = made if isinstance(made, BaseException) else None
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
    reason: str | Exception,
    *,
    travelled: bool = False,
) -> TransportError:
    """Say that a value cannot travel, and why; the value itself is not shown.

    Args:
        task: The task.
        index: The item of a map, or None.
        what: What the value is to the call.
        value: The value; None where it could not be made again.
        reason: What pickle said.
        travelled: Whether it left the other process, and cannot be made again in this one.
    """
    cls = type(value)
    name = "" if travelled else f"{cls.__module__}.{cls.__qualname__}"
    where = "" if index is None else f" (item {index} of a map)"
    told = said(reason) if isinstance(reason, Exception) else reason
    told = "" if task.sensitive else f": {told}"
    fault = (
        f"{what} cannot be made again from its pickle"
        if travelled
        else f"{what}, {texts.a(name)}, cannot be pickled"
    )
    return TransportError(
        f"task {task.name!r}{where}: {fault}{told}\n"
        f"What travels between processes has to be. Pass a path, an id or plain data instead, or run the task on threads.",
        task=task.name,
        index=index,
        what=what,
        type=name,
    )
