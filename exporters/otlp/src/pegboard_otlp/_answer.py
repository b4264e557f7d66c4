"""The body of an answer: how much of a request the back end took."""

from __future__ import annotations

import json
from typing import Any

from google.protobuf import json_format  # type: ignore[import-untyped]
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from pegboard_otlp._reply import Reply

_FORMS: dict[str, tuple[Any, str]] = {
    "traces": (ExportTraceServiceResponse, "rejected_spans"),
    "metrics": (ExportMetricsServiceResponse, "rejected_data_points"),
    "logs": (ExportLogsServiceResponse, "rejected_log_records"),
}


def read_answer(signal: str, body: bytes, content_type: str = "") -> Reply:
    """Read the answer of a back end that says that it took a request.

    Nothing is an answer: everything was taken. What is neither that nor OTLP's own message comes from somebody else, as a
    page to log in does, and the request did not arrive.

    Args:
        signal: Which.
        body: Without compression.
        content_type: As the header has it; "" where there is none.
    """
    form, field = _FORMS[signal]
    try:
        if not body:
            answer = form()
        elif content_type.startswith("application/json"):
            answer = json_format.ParseDict(dict(json.loads(body)), form(), ignore_unknown_fields=True)
        elif content_type.startswith("text/"):
            return _no_answer(content_type)
        else:
            answer = form.FromString(body)
    except (
        DecodeError,
        json_format.ParseError,
        TypeError,
        ValueError,
    ):  # the last two of what is no JSON, or no object
        return _no_answer(content_type)
    partial = answer.partial_success
    return Reply("arrived", rejected=max(getattr(partial, field), 0), remark=partial.error_message)


def _no_answer(content_type: str) -> Reply:
    kind = content_type.partition(";")[0].strip() or "a body of no type"
    return Reply(
        "lost", "no answer", f"what answered is no OTLP back end, as it sent {kind} that OTLP does not know"
    )
