"""A log record as OTLP has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from pegboard_otlp._packing import Form
from pegboard_otlp._values import add_attributes, any_value, as_text

if TYPE_CHECKING:
    from pegboard_otlp._records import Record


def _write(record: Record, message: Any) -> int:
    """Write a record into its message; returns how many attributes could not be told."""
    message.time_unix_nano = record.timestamp
    message.observed_time_unix_nano = record.observed_timestamp
    if record.trace_id:
        message.trace_id = record.trace_id.to_bytes(16, "big")
        message.span_id = record.span_id.to_bytes(8, "big")
    message.flags = record.trace_flags
    message.severity_text = as_text(record.severity_text)
    message.severity_number = record.severity_number
    message.event_name = as_text(record.event_name)
    message.body.CopyFrom(any_value(record.body))
    left_out = add_attributes(record.attributes, message.attributes)
    message.dropped_attributes_count = left_out
    return left_out


LOG_RECORDS = Form(ExportLogsServiceRequest, LogRecord, "resource_logs", "scope_logs", "log_records", _write)
