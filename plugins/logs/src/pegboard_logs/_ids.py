"""The ids that a record gets."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pegboard import current_call
from pegboard.texts import without_control

if TYPE_CHECKING:
    from pegboard import Call

CALL_ID = "pegboard_call_id"
ATTEMPT = "pegboard_attempt"
NO_IDS: Mapping[str, str | int] = {
    "pegboard_task": "",
    CALL_ID: "",
    ATTEMPT: "",
    "trace_id": "",
    "span_id": "",
}


def ids_of(call: Call | None) -> Mapping[str, str | int]:
    """Return the ids of a call, by the names that records have them under; empty texts for None."""
    if call is None:
        return NO_IDS
    trace_id = call.trace_id  # an empty slot answers slowly, and nobody fills one of the two alone
    return {
        "pegboard_task": without_control(call.task.name),
        CALL_ID: call.id,
        ATTEMPT: call.attempt,
        "trace_id": trace_id or "",
        "span_id": (call.span_id or "") if trace_id else "",
    }


class CallIds(logging.Filter):
    """Lets every record pass, and sets `pegboard_task`, `pegboard_call_id`, `pegboard_attempt`, `trace_id`, `span_id` on it.

    Outside a call they are empty texts. What a record has already stays: one that comes out of a queue, or from another
    process, keeps the ids of the call that wrote it. `Logs` puts one on handlers for as long as a session is open; in a
    handler's own configuration it works always, and so does a format that names the ids.
    """

    def __init__(self) -> None:
        super().__init__()
        self._last: tuple[int, Mapping[str, str | int]] = (0, NO_IDS)  # of the call with this number

    def filter(self, record: logging.LogRecord) -> bool:
        """Set the ids."""
        fields = record.__dict__
        if CALL_ID not in fields:
            call = current_call()
            ids = NO_IDS if call is None else self._ids_of(call)
            if "trace_id" in fields or "span_id" in fields:  # the caller's own
                ids = {**ids, **fields}
            fields.update(ids)
            if call is not None:
                fields[ATTEMPT] = call.attempt
        return True

    def _ids_of(self, call: Call) -> Mapping[str, str | int]:
        """Return the ids of a call, worked out once while no other call logs."""
        number, ids = self._last
        if number == call.number:
            return ids
        ids = ids_of(call)
        if call.attempt:  # its scopes are entered, so that no ids come after this
            self._last = (call.number, ids)
        return ids
