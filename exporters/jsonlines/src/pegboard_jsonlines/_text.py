"""Texts and times as a line of JSON holds them."""

from __future__ import annotations

import time
from json.encoder import encode_basestring_ascii
from typing import TYPE_CHECKING

from pegboard.privacy import is_sensitive
from pegboard.records import error_type
from pegboard.texts import cut

if TYPE_CHECKING:
    from pegboard import Call

LONGEST = 256  # characters of a message
NULL = "null"
_NO_FAILURE = '"error_type": null, "error_message": null'
_second: tuple[int, str] = (-1, "")


def quoted(text: str | None) -> str:
    """Write a text in JSON, in ASCII: whatever could break a line or steer a terminal is escaped."""
    return NULL if text is None else encode_basestring_ascii(text)


def timestamp(now: float) -> str:
    """Write seconds since the epoch as RFC 3339 does, in UTC; the text of a second is kept for those that follow."""
    global _second
    second = int(now)
    kept, text = _second
    if kept != second:
        text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        _second = (second, text)
    return f"{text}.{int((now - second) * 1e6):06d}Z"


def failure(call: Call, error: BaseException | None, *, messages: bool) -> str:
    """Write what a call or attempt ended with: its class where it is a failure, and its text where that may be shown."""
    if error is None:
        return _NO_FAILURE
    kind = error_type(error)
    text = _message(call, error) if messages and isinstance(error, Exception) else None
    return f'"error_type": {quoted(kind or None)}, "error_message": {quoted(text)}'


def _message(call: Call, error: Exception) -> str | None:
    """Return an exception's text, without known secrets and cut; None for sensitive tasks, and what comes out of them."""
    if is_sensitive(error, call):
        return None
    try:
        text = call.session.masks.mask(str(error))
    except Exception:  # noqa: BLE001 - a broken __str__, or a Secret inside: the type will do
        return None
    return cut(text, LONGEST)
