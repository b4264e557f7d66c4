"""Processors for structlog; they need nothing of it."""

from __future__ import annotations

import sys
from collections.abc import MutableMapping
from typing import Any

from pegboard import Secret, current_call, current_session
from pegboard.privacy import Masks, is_sensitive
from pegboard.texts import encodable
from pegboard_logs._ids import ids_of
from pegboard_logs._message import MASK
from pegboard_logs._sensitive import LEFT_OUT
from pegboard_logs._values import DEEPEST

EventDict = MutableMapping[str, Any]
_PLAIN = frozenset((type(None), bool, int, float))


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
    """Put `***` in place of every `Secret`, and of every known secret of the current session in all texts of an event.

    Halves of surrogate pairs, which no stream can hold, are escaped there. Stands last before the renderer, when
    exceptions are texts already.
    """
    call = current_call()
    session = current_session() if call is None else call.session
    masks = Masks() if session is None else session.masks
    for name, value in event_dict.items():
        if name != "exc_info":  # for a renderer that formats it itself
            event_dict[name] = _masked(value, masks)
    return event_dict


def _error_of(exc_info: object) -> BaseException | None:
    if isinstance(exc_info, tuple):
        exc_info = exc_info[1]
    elif exc_info is True:
        exc_info = sys.exc_info()[1]
    return exc_info if isinstance(exc_info, BaseException) else None


def _masked(value: Any, masks: Masks, depth: int = 0) -> Any:
    kind = type(value)
    if isinstance(value, str):
        return masks.mask(value) if value.isascii() else encodable(masks.mask(value))
    if kind is Secret:
        return MASK
    if kind in (list, tuple) and depth < DEEPEST:
        return kind(_masked(item, masks, depth + 1) for item in value)
    if kind is dict and depth < DEEPEST:
        return {
            _masked(name, masks, depth + 1): _masked(item, masks, depth + 1) for name, item in value.items()
        }
    return _masked_object(value, masks) if masks and kind not in _PLAIN else value


def _masked_object(value: object, masks: Masks) -> object:
    """Return an object, or where that holds a known secret its repr, as most renderers would write it."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - the renderer's to deal with
        return value
    return masks.mask(text) if masks.found_in(text) else value
