"""The hook specs that tracing adds to a session: how exporters get its spans, and exceptions as log records."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pegboard import Session, hookspec

if TYPE_CHECKING:
    from opentelemetry.sdk._logs import LogRecordProcessor
    from opentelemetry.sdk.trace import SpanProcessor


@hookspec
def span_processors(session: Session) -> Sequence[SpanProcessor]:  # type: ignore[empty-body] # a spec has none
    """Return the span processors through which an exporter gets the spans of `session`.

    Asked once for each exporter and session, when tracing is first used after the exporter was attached. When any come,
    tracing makes a provider for the session, hands them every span, and shuts them down at the end of the session:
    return new ones for each session. An error, or anything that is no span processor, is raised as `BindError`.

    An exporter marks its implementation `@hookimpl(optionalhook=True)`, so that it may be attached before tracing.
    """


@hookspec
def log_record_processors(session: Session) -> Sequence[LogRecordProcessor]:  # type: ignore[empty-body] # a spec has none
    """Return the log record processors through which an exporter gets the exceptions of `session`.

    Asked once a session, at the first exception that is to be a log record by `OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN`.
    When any come, tracing makes a logger provider for the session, and shuts it down at the end of the session. Without,
    the application's global logger provider gets the records. An exporter marks its implementation
    `@hookimpl(optionalhook=True)`.
    """
