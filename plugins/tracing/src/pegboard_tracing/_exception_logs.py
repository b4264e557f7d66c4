"""Exceptions as log records of OpenTelemetry, whose logs API is still private upstream."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from opentelemetry._logs import Logger, LogRecord, SeverityNumber, get_logger
from opentelemetry.trace import Span, set_span_in_context

from pegboard.parts import new_rlock
from pegboard_tracing import _names
from pegboard_tracing._asking import Asked, exporters_with, made_by

if TYPE_CHECKING:
    from opentelemetry.sdk._logs import LoggerProvider

    from pegboard import Session
    from pegboard_tracing._signal import Attributes

_ASKED = Asked(
    hook="log_record_processors",
    kind="log record processor",
    methods=("on_emit", "shutdown"),
    example="a list of opentelemetry.sdk._logs.LogRecordProcessor, as BatchLogRecordProcessor(exporter)",
)


class ExceptionLogs:
    """Where exceptions of one session go as log records: its exporters, or else the application's logger provider.

    Args:
        session: Whose exporters are asked, at the first exception.
        version: Of the instrumentation scope.
        is_of_child: Whether this process was forked from the one that the session began in.
    """

    def __init__(self, session: Session, version: str | None, *, is_of_child: bool) -> None:
        self._session = session
        self._is_of_child = is_of_child
        self._version = version
        self._guard = new_rlock()
        self._asked = False
        self._own: LoggerProvider | None = None

    def record(self, span: Span, attributes: Attributes) -> None:
        """Write an exception down, within the trace of its span."""
        now = time.time_ns()
        self._logger().emit(
            LogRecord(
                timestamp=now,
                observed_timestamp=now,
                context=set_span_in_context(span),
                severity_text="ERROR",
                severity_number=SeverityNumber.ERROR,
                attributes=dict(attributes),
                event_name=_names.EXCEPTION_EVENT,
            )
        )

    def close(self) -> None:
        """Shut the session's own provider down, and with it the exporters' processors."""
        with self._guard:
            own, self._own = self._own, None
        if own is not None:
            own.shutdown()

    def _logger(self) -> Logger:
        with self._guard:
            if not self._asked:
                self._asked = True
                self._own = self._make_own()
        return get_logger(_names.SCOPE, self._version or "", self._own, _names.SCHEMA_URL)

    def _make_own(self) -> LoggerProvider | None:
        processors = [
            processor
            for found in exporters_with(self._session, _ASKED.hook)
            for processor in made_by(found, self._session, _ASKED)
        ]
        if not processors:
            return None
        from opentelemetry.sdk._logs import LoggerProvider

        from pegboard_tracing.resource import resource_of_child, service_resource

        resource = service_resource()
        own = LoggerProvider(
            resource_of_child(resource) if self._is_of_child else resource, shutdown_on_exit=False
        )
        for processor in processors:
            own.add_log_record_processor(processor)
        return own
