"""The word where spans go nowhere: OpenTelemetry makes spans that nobody sees, and says nothing."""

from __future__ import annotations

import itertools
import logging
import os
from typing import TYPE_CHECKING

from opentelemetry import trace

if TYPE_CHECKING:
    from opentelemetry.trace import TracerProvider

_times_said = itertools.count().__next__  # one step, so that of two threads one is the first


def say_if_nowhere(provider: TracerProvider) -> None:
    """Log, once a process, that the spans of this provider go nowhere, if they do and nobody turned them off."""
    lacking = _lacking(provider)
    if lacking and not _is_turned_off() and not _times_said():
        logging.getLogger("pegboard.tracing").warning(
            "Tracing() has nowhere to send spans to in process %d: no exporter of the session takes any, and %s so far. "
            "Attach one, such as OTLP(endpoint), or %s; until then nobody sees the spans of calls.",
            os.getpid(),
            *lacking,
        )


def _lacking(provider: TracerProvider) -> tuple[str, str] | None:
    """What is missing, and what the application does about it; samplers and providers that do nothing are somebody's choice."""
    if isinstance(provider, trace.ProxyTracerProvider):  # it stands for the application's
        provider = trace.get_tracer_provider()
    if isinstance(provider, trace.ProxyTracerProvider):
        return "the application has set no tracer provider", "set a provider"
    processors = getattr(getattr(provider, "_active_span_processor", None), "_span_processors", None)
    if processors == ():  # as the SDK keeps them
        return "the tracer provider has no span processor", "give the provider one"
    return None


def _is_turned_off() -> bool:
    return _variable("OTEL_SDK_DISABLED") == "true" or _variable("OTEL_TRACES_EXPORTER") == "none"


def _variable(name: str) -> str:
    return os.environ.get(name, "").strip().lower()
