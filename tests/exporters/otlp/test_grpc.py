"""The same over gRPC, with a real server."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from pegboard import Session, task
from pegboard_otlp import OTLP
from pegboard_tracing import Tracing


@task
def invert(x):
    return 1 / x


SERVICES = {
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server: trace_service_pb2.ExportTraceServiceResponse,
    metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server: metrics_service_pb2.ExportMetricsServiceResponse,
    logs_service_pb2_grpc.add_LogsServiceServicer_to_server: logs_service_pb2.ExportLogsServiceResponse,
}


@pytest.fixture
def grpc_receiver(kept):
    """A gRPC server that keeps and checks as the one of HTTP does; `status` is what it refuses with."""
    kept.status = None

    class Servicer:
        def __init__(self, response):
            self._response = response

        def Export(self, request, context):  # noqa: N802 - the name of the protocol
            headers = dict(context.invocation_metadata())
            if kept.status is not None:
                context.abort(kept.status, "refused")
            kept.keep(request, headers, request.SerializeToString())
            return self._response()

    server = grpc.server(ThreadPoolExecutor(4))
    for add, response in SERVICES.items():
        add(Servicer(response), server)
    kept.url = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    yield kept
    server.stop(None).wait()
    assert kept.faults == []


def test_all_signals_arrive(grpc_receiver, metrics):
    """Spans, metrics and logs, from one service."""
    otlp = OTLP(grpc_receiver.url, protocol="grpc", logs=True)
    with Session(Tracing(), metrics, otlp, inherit=False):
        for _ in range(1_000):
            invert(1)
        logging.getLogger("shop").error("burnt")
    assert len(grpc_receiver.spans) == 1_000
    assert "pegboard.task.duration" in grpc_receiver.pushes[-1]
    assert [name for name, _ in grpc_receiver.records] == ["shop"]
    assert len({tuple(sorted(each.items())) for each in grpc_receiver.resources}) == 1


def test_headers_are_metadata(grpc_receiver, metrics):
    """In lower case, as gRPC asks; name and password of the address too."""
    endpoint = grpc_receiver.url.replace("://", "://user:pass@")
    otlp = OTLP(endpoint, protocol="grpc", headers={"X-Tenant": "7"}, metrics=False)
    with Session(Tracing(), metrics, otlp, inherit=False):
        invert(1)
    ((_, headers, _),) = grpc_receiver.requests
    assert (headers["x-tenant"], headers["authorization"]) == ("7", "Basic dXNlcjpwYXNz")


def test_a_refusal_is_quoted(grpc_receiver, metrics, caplog):
    """The status is in the line that says what was lost; each time, though the SDK itself says it once in 20 seconds."""
    grpc_receiver.status = grpc.StatusCode.PERMISSION_DENIED
    for _ in range(2):
        with Session(
            Tracing(), metrics, OTLP(grpc_receiver.url, protocol="grpc", metrics=False), inherit=False
        ):
            invert(1)
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 2
    for line in lines:
        assert line.startswith(f"otlp: 1 span not delivered to {grpc_receiver.url}: ")
        assert "PERMISSION_DENIED" in line
