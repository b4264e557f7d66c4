"""The log record processor that tracing hands exceptions to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.sdk._logs import LogRecordProcessor, ReadableLogRecord, ReadWriteLogRecord
from opentelemetry.sdk.resources import Resource

if TYPE_CHECKING:
    from pegboard_otlp._outbox import Outbox


class QueueingRecords(LogRecordProcessor):
    """Puts every record into an outbox."""

    def __init__(self, outbox: Outbox[ReadableLogRecord]) -> None:
        self._outbox = outbox

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """Take a record."""
        resource = log_record.resource or Resource.create()
        self._outbox.put(ReadableLogRecord(log_record.log_record, resource, log_record.instrumentation_scope))

    def shutdown(self) -> None:
        """Leave the outbox open: the session's own log records are still to come."""

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send what is there."""
        return self._outbox.begin_flush()(timeout_millis / 1_000)
