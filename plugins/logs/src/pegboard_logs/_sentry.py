"""What becomes of an event before it is sent to Sentry; it needs nothing of Sentry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pegboard.privacy import KNOWN, is_sensitive, without_repr
from pegboard_logs._lifecycle import LOGGER
from pegboard_logs._sensitive import LEFT_OUT

Event = dict[str, Any]


def before_send(event: Event, hint: Mapping[str, Any]) -> Event:
    """Keep private what an event would show; of transactions, logs and breadcrumbs, too.

    For `sentry_sdk.init(include_local_variables=False, before_send=before_send, before_breadcrumb=before_send)`. Of errors of sensitive tasks texts and variables are left out, and `***` is put in place of every secret that a session of
    this process knows, breadcrumbs included. Lines about calls are grouped by task and class of the error.

    Args:
        event: As Sentry's client is about to send it.
        hint: What it was made of.

    Returns:
        The event to send.
    """
    error = _error_of(hint)
    if error is not None and is_sensitive(error):
        for shown in _exceptions(event):
            shown["value"] = LEFT_OUT
            for frame in (shown.get("stacktrace") or {}).get("frames") or ():
                frame.pop("vars", None)
    if event.get("logger") == LOGGER:
        _group(event)
    masked: Event = _masked(event, error)
    return masked


def _error_of(hint: Mapping[str, Any]) -> BaseException | None:
    exc_info = hint.get("exc_info") or getattr(hint.get("log_record"), "exc_info", None)
    return exc_info[1] if exc_info else None


def _exceptions(event: Event) -> list[Event]:
    held = event.get("exception") or {}
    return list((held.get("values") if isinstance(held, dict) else held) or ())


def _group(event: Event) -> None:
    facts = event.get("extra") or {}
    if "error_type" in facts:
        event["fingerprint"] = [LOGGER, facts.get("pegboard_task", ""), facts["error_type"]]


def _masked(value: Any, error: BaseException | None) -> Any:
    if isinstance(value, str):
        return KNOWN.mask(without_repr(value, error))
    if isinstance(value, dict):
        return {key: _masked(each, error) for key, each in value.items()}
    return [_masked(each, error) for each in value] if isinstance(value, list | tuple) else value
