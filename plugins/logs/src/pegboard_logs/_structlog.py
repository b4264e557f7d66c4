"""Processors for structlog; they need nothing of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, MutableMapping
from typing import Any

from pegboard import current_call, current_session
from pegboard.privacy import is_sensitive
from pegboard_logs._ids import ids_of
from pegboard_logs._sensitive import LEFT_OUT

EventDict = MutableMapping[str, Any]


def add_call_ids(logger: object, method: str, event_dict: EventDict) -> EventDict:  # noqa: ARG001 - structlog's form
    """Add the ids of the current call, as `CallIds` does for records, and leave out stack traces of sensitive tasks.

    Stands before the processor that formats exceptions. Ids that are there already stay.
    """
    for name, value in ids_of(current_call()).items():
        event_dict.setdefault(name, value)
    error = _error_of(event_dict.get("exc_info"))
    if error is not None and is_sensitive(error):
        del event_dict["exc_info"]
        event_dict["exception"] = f"{type(error).__qualname__} {LEFT_OUT}"
    return event_dict


def mask_secrets(logger: object, method: str, event_dict: EventDict) -> EventDict:  # noqa: ARG001
    """Put `***` in place of every known secret of the current session, in all texts of an event.

    Stands last before the renderer, when exceptions are texts already.
    """
    call = current_call()
    session = current_session() if call is None else call.session
    if session is not None and session.masks:
        for name, value in event_dict.items():
            event_dict[name] = _masked(value, session.masks.mask)
    return event_dict


def _error_of(exc_info: object) -> BaseException | None:
    if isinstance(exc_info, tuple):
        exc_info = exc_info[1]
    elif exc_info is True:
        exc_info = sys.exc_info()[1]
    return exc_info if isinstance(exc_info, BaseException) else None


def _masked(value: Any, mask: Callable[[str], str]) -> Any:
    kind = type(value)
    if kind is str:
        return mask(value)
    if kind in (list, tuple):
        return kind(_masked(item, mask) for item in value)
    if kind is dict:
        return {name: _masked(item, mask) for name, item in value.items()}
    return value
