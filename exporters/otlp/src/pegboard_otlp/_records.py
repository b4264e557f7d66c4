"""Log records on their way out: those of the standard library, without known secrets, and those of OpenTelemetry."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import get_current_span

from pegboard import current_call
from pegboard.privacy import is_sensitive, without_repr
from pegboard.texts import text_of

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource

    from pegboard import Call
    from pegboard.privacy import Masks

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_IDS = frozenset(("pegboard_task", "pegboard_call_id", "pegboard_attempt", "trace_id", "span_id"))
_LEVELS = ((50, "FATAL", 21), (40, "ERROR", 17), (30, "WARN", 13), (20, "INFO", 9), (10, "DEBUG", 5))


@attrs.frozen
class Record:
    """A log record, with the names that OpenTelemetry has for what it holds.

    Attributes:
        timestamp, observed_timestamp: Nanoseconds since the Unix epoch.
        severity_number: From 1 to 24, or 0 for none.
        trace_id, span_id: 0 where there is none.
        instrumentation_scope: The logger.
    """

    timestamp: int
    observed_timestamp: int
    severity_text: str
    severity_number: int
    body: Any
    attributes: Mapping[Any, Any]
    trace_id: int
    span_id: int
    trace_flags: int
    resource: Resource
    instrumentation_scope: InstrumentationScope | None
    event_name: str = ""


def translate_record(record: logging.LogRecord, resource: Resource, masks: Masks) -> Record:
    """Translate one record, with the ids of the call and span that it was written in."""
    call = current_call()
    text, number = _severity(record.levelno)
    span = get_current_span().get_span_context()
    return Record(
        timestamp=int(record.created * 1_000_000_000),
        observed_timestamp=time.time_ns(),
        severity_text=text,
        severity_number=number,
        body=masks.mask(without_repr(record.getMessage(), record.exc_info[1] if record.exc_info else None)),
        attributes=_attributes(record, call, masks),
        trace_id=span.trace_id,
        span_id=span.span_id,
        trace_flags=span.trace_flags,
        resource=resource,
        instrumentation_scope=InstrumentationScope(record.name),
    )


def _severity(level: int) -> tuple[str, int]:
    for least, text, number in _LEVELS:
        if level >= least:
            return text, number
    return "TRACE", 1


def _attributes(record: logging.LogRecord, call: Call | None, masks: Masks) -> dict[str, Any]:
    found: dict[str, Any] = {
        name: _shown(value, masks)
        for name, value in vars(record).items()
        if name not in _STANDARD and name not in _IDS
    }
    found["code.function.name"] = record.funcName
    found["code.file.path"] = record.pathname
    found["code.line.number"] = record.lineno
    if call is not None:
        found["pegboard.task.name"] = call.task.name
        found["pegboard.call.id"] = call.id
        found["pegboard.attempt"] = call.attempt
    if record.exc_info and record.exc_info[1] is not None:
        found |= _exception(record.exc_info[1], masks, hidden=is_sensitive(record.exc_info[1], call))
    return found


def _exception(error: BaseException, masks: Masks, *, hidden: bool) -> dict[str, str]:
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    if hidden:
        return {"exception.type": name}
    return {
        "exception.type": name,
        "exception.message": masks.mask(text_of(error)),
        "exception.stacktrace": masks.mask("".join(traceback.format_exception(error))),
    }


def _shown(value: object, masks: Masks) -> str | bool | int | float:
    if isinstance(value, bool | int | float):
        return value
    return masks.mask(text_of(value))
