"""A log record as OTLP has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from pegboard_otlp._packing import Form
from pegboard_otlp._values import add_attributes, any_value, as_text

if TYPE_CHECKING:
    from opentelemetry.sdk._logs import ReadableLogRecord


def _write(found: ReadableLogRecord, message: Any) -> int:
    """Write a record into its message; returns how many attributes could not be told."""
    record = found.log_record
    message.time_unix_nano = record.timestamp or 0
    message.observed_time_unix_nano = record.observed_timestamp or 0
    if record.trace_id:
        message.trace_id = record.trace_id.to_bytes(16, "big")
    if record.span_id:
        message.span_id = record.span_id.to_bytes(8, "big")
    message.flags = int(record.trace_flags or 0)
    message.severity_text = as_text(record.severity_text or "")
    message.severity_number = getattr(record.severity_number, "value", 0)
    message.event_name = as_text(record.event_name or "")
    message.body.CopyFrom(any_value(record.body))
    left_out = add_attributes(record.attributes, message.attributes)
    message.dropped_attributes_count = found.dropped_attributes + left_out
    return left_out


LOG_RECORDS = Form(ExportLogsServiceRequest, LogRecord, "resource_logs", "scope_logs", "log_records", _write)
