"""The log record processor that tracing hands exceptions to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.sdk._logs import LogRecordProcessor, ReadWriteLogRecord

from pegboard_otlp._records import Record
from pegboard_tracing.resource import service_resource

if TYPE_CHECKING:
    from pegboard_otlp._outbox import Outbox


class QueueingRecords(LogRecordProcessor):
    """Puts every record into an outbox."""

    def __init__(self, outbox: Outbox[Record]) -> None:
        self._outbox = outbox

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """Take a record."""
        record = log_record.log_record
        self._outbox.put(
            Record(
                timestamp=record.timestamp or 0,
                observed_timestamp=record.observed_timestamp or 0,
                severity_text=record.severity_text or "",
                severity_number=getattr(record.severity_number, "value", 0),
                body=record.body,
                attributes=record.attributes or {},
                trace_id=record.trace_id or 0,
                span_id=record.span_id or 0,
                trace_flags=int(record.trace_flags or 0),
                event_name=record.event_name or "",
                resource=log_record.resource or service_resource(),
                instrumentation_scope=log_record.instrumentation_scope,
            )
        )

    def shutdown(self) -> None:
        """Leave the outbox open: the session's own log records are still to come."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send what is there."""
        return self._outbox.begin_flush()(timeout_millis / 1_000)
