"""Whether exceptions become events of spans, log records, or both: `OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Literal

from opentelemetry.trace import Span

from pegboard_tracing import _names

Attributes = Mapping[str, str]
Record = Callable[[Span, Attributes], None]
Signal = Literal["event", "logs", "logs/dup"]

VARIABLE = "OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN"


def as_event(span: Span, attributes: Attributes) -> None:
    """Record an exception as an event of its span."""
    span.add_event(_names.EXCEPTION_EVENT, attributes)


def chosen_signal() -> Signal:
    """Read the variable: `logs`, `logs/dup` for both, and anything else is the event; a list holds other opt-ins too."""
    asked = {word.strip() for word in os.environ.get(VARIABLE, "").split(",")}
    if "logs/dup" in asked:
        return "logs/dup"
    return "logs" if "logs" in asked else "event"


def recorder(signal: Signal, as_log: Record) -> Record:
    """Make the function that records an exception."""
    if signal == "event":
        return as_event
    if signal == "logs":
        return as_log

    def as_both(span: Span, attributes: Attributes) -> None:
        as_event(span, attributes)
        as_log(span, attributes)

    return as_both
