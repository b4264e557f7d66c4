"""A span as OTLP has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from pegboard_otlp._packing import Form
from pegboard_otlp._values import add_attributes, as_text

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import Event, ReadableSpan
    from opentelemetry.trace import Link, SpanContext

_HAS_IS_REMOTE, _IS_REMOTE = 0x100, 0x200


def _write(span: ReadableSpan, message: Any) -> int:
    """Write a span into its message; returns how many attributes could not be told."""
    _write_ids(span.context, message)
    if span.parent is not None:
        message.parent_span_id = span.parent.span_id.to_bytes(8, "big")
    message.flags = _flags(span.parent)
    message.name = as_text(span.name)
    message.kind = span.kind.value + 1
    message.start_time_unix_nano = span.start_time
    message.end_time_unix_nano = span.end_time
    message.status.code = span.status.status_code.value
    message.status.message = as_text(span.status.description or "")
    message.dropped_events_count = span.dropped_events
    message.dropped_links_count = span.dropped_links
    left_out = _write_attributes(span, message)
    left_out += sum(_write_event(event, message.events.add()) for event in span.events)
    return left_out + sum(_write_link(link, message.links.add()) for link in span.links)


def _write_event(event: Event, message: Any) -> int:
    message.name = as_text(event.name)
    message.time_unix_nano = event.timestamp
    return _write_attributes(event, message)


def _write_link(link: Link, message: Any) -> int:
    _write_ids(link.context, message)
    message.flags = _flags(link.context)
    return _write_attributes(link, message)


def _write_ids(context: SpanContext, message: Any) -> None:
    message.trace_id = context.trace_id.to_bytes(16, "big")
    message.span_id = context.span_id.to_bytes(8, "big")
    if context.trace_state:
        message.trace_state = as_text(context.trace_state.to_header())


def _write_attributes(of: ReadableSpan | Event | Link, message: Any) -> int:
    left_out = add_attributes(of.attributes, message.attributes)
    message.dropped_attributes_count = of.dropped_attributes + left_out
    return left_out


def _flags(context: SpanContext | None) -> int:
    return _HAS_IS_REMOTE | (_IS_REMOTE if context is not None and context.is_remote else 0)


SPANS = Form(ExportTraceServiceRequest, Span, "resource_spans", "scope_spans", "spans", _write)
