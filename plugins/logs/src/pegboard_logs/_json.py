"""Records as lines of JSON."""

from __future__ import annotations

import json
import logging
import time
import traceback

from pegboard import current_call
from pegboard.privacy import is_sensitive, without_repr
from pegboard.records import error_type
from pegboard_logs._ids import CALL_ID, NO_IDS, ids_of
from pegboard_logs._message import message_of
from pegboard_logs._values import Mask, json_value

_encode = json.JSONEncoder().encode  # in printable ASCII: whatever could break a line is escaped
_OWN = frozenset(("timestamp", "level", "logger", "message", "exception", "stack", *NO_IDS))
# What every record has; the rest is what the caller gave as `extra`.
_USUAL = frozenset((*logging.makeLogRecord({}).__dict__, "message", "asctime", "taskName", *NO_IDS))


class JSONFormatter(logging.Formatter):
    """Writes each record as one line of JSON, in ASCII.

    Its keys are `timestamp` (RFC 3339, UTC), `level`, `logger`, `message`, the ids that `CallIds` sets, `exception` with
    `type`, `message` and `stack` where there is one, `stack` where a caller asked for `stack_info`, and what the caller gave
    as `extra`; of these, one that has the name of a key above is called `extra_<name>`. Values that JSON does not know
    are shown by their type, a `Secret` as `***`. No record is lost because of what is in it.

    Works in any configuration of logging. Known secrets are masked when a session with `Logs` has the handler, or when
    the record is written inside a call.
    """

    def __init__(self) -> None:
        super().__init__()
        self._second = (-1, "")

    def format(self, record: logging.LogRecord) -> str:
        """Write a record, without the secrets of the session that serves the current call."""
        call = current_call()
        return self.line(record, _as_it_is if call is None else call.session.masks.mask)

    def line(self, record: logging.LogRecord, mask: Mask) -> str:
        """Write a record; every text of it goes through `mask`."""
        fields = record.__dict__
        shown: dict[str, object] = {
            "timestamp": self._timestamp(record.created),
            "level": record.levelname,
            "logger": record.name,
            "message": mask(_message(record)),
        }
        ids = fields if CALL_ID in fields else ids_of(current_call())
        for name in NO_IDS:
            shown[name] = json_value(ids.get(name, ""), mask)
        if record.exc_info or record.exc_text:
            shown["exception"] = _exception(record, mask)
        if record.stack_info:
            shown["stack"] = mask(record.stack_info)
        for name in fields:
            if name in _USUAL:
                continue
            shown[f"extra_{name}" if name in _OWN else mask(str(name))] = json_value(fields[name], mask)
        return _encode(shown)

    def _timestamp(self, created: float) -> str:
        """Write seconds since the epoch; the text of a second is kept, as the next record is often in the same."""
        second = int(created)
        kept, text = self._second
        if kept != second:
            text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            self._second = (second, text)
        return f"{text}.{int((created - second) * 1e6):06d}Z"


def _as_it_is(text: str) -> str:
    return text


def _message(record: logging.LogRecord) -> str:
    try:
        return without_repr(message_of(record), record.exc_info[1] if record.exc_info else None)
    except Exception as error:  # noqa: BLE001 - logging would drop the record, and print the arguments
        return f"{record.msg if isinstance(record.msg, str) else type(record.msg).__name__} <arguments that do not fit: {type(error).__name__}>"


def _exception(record: logging.LogRecord, mask: Mask) -> dict[str, str]:
    if not record.exc_info or record.exc_info[1] is None:  # formatted elsewhere, by a queue for one
        return {"stack": mask(record.exc_text)} if record.exc_text else {}
    error = record.exc_info[1]
    shown = {"type": error_type(error) or type(error).__qualname__}
    if not is_sensitive(error):
        shown["message"] = mask(_text_of(error))
        shown["stack"] = mask("".join(traceback.format_exception(*record.exc_info)))
    return shown


def _text_of(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - a broken __str__, or a Secret inside
        return ""
