"""What becomes of an event before it is sent to Sentry; it needs nothing of Sentry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pegboard.privacy import KNOWN, is_sensitive
from pegboard_logs._lifecycle import LOGGER
from pegboard_logs._sensitive import LEFT_OUT

Event = dict[str, Any]


def before_send(event: Event, hint: Mapping[str, Any]) -> Event:
    """Keep private what an event would show: `sentry_sdk.init(include_local_variables=False, before_send=before_send)`.

    Of errors of sensitive tasks texts and variables are left out, and `***` is put in place of every secret that a session of
    this process knows, breadcrumbs included. Lines about calls are grouped by task and class of the error.

    Args:
        event: As Sentry's client is about to send it.
        hint: What it was made of.

    Returns:
        The event to send.
    """
    error = (hint.get("exc_info") or (None, None))[1]
    if error is not None and is_sensitive(error):
        for shown in _exceptions(event):
            shown["value"] = LEFT_OUT
            for frame in (shown.get("stacktrace") or {}).get("frames") or ():
                frame.pop("vars", None)
    if event.get("logger") == LOGGER:
        _group(event)
    if not KNOWN:
        return event
    masked: Event = _masked(event)
    return masked


def _exceptions(event: Event) -> list[Event]:
    held = event.get("exception") or {}
    return list((held.get("values") if isinstance(held, dict) else held) or ())


def _group(event: Event) -> None:
    facts = event.get("extra") or {}
    if "error_type" in facts:
        event["fingerprint"] = [LOGGER, facts.get("pegboard_task", ""), facts["error_type"]]


def _masked(value: Any) -> Any:
    if isinstance(value, str):
        return KNOWN.mask(value)
    if isinstance(value, dict):
        return {key: _masked(each) for key, each in value.items()}
    return [_masked(each) for each in value] if isinstance(value, list | tuple) else value
