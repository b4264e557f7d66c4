"""The same over gRPC, with a real server."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import grpc
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from pegboard import Session, task
from pegboard_otlp import OTLP
from pegboard_otlp._destination import destination_of
from pegboard_otlp._line import Line
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
    """A gRPC server that keeps and checks as the one of HTTP does.

    `status` is what it refuses with; `answers` are functions of (response, context), one for each of the next requests.
    """
    kept.status, kept.answers, kept.calls = None, [], 0

    class Servicer:
        def __init__(self, response):
            self._response = response

        def Export(self, request, context):  # noqa: N802 - the name of the protocol
            headers = dict(context.invocation_metadata())
            kept.calls += 1
            if kept.answers:
                return kept.answers.pop(0)(self._response(), context)
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


@pytest.fixture
def send(grpc_receiver):
    """Sends one request of spans over a line of its own, and returns the reply."""
    lines = []

    def send(url=grpc_receiver.url, timeout=5.0):
        lines.append(Line(destination_of("traces", OTLP(url, protocol="grpc", timeout=timeout)._request)))
        return lines[-1].send(b"")

    yield send
    for line in lines:
        line.close()


def flush(receiver, metrics):
    """Send one item of each signal, and return what `flush` says."""
    otlp = OTLP(receiver.url, protocol="grpc", logs=True, flush_timeout=10)
    with Session(Tracing(), metrics, otlp, inherit=False):
        invert(1)
        logging.getLogger("shop").error("burnt")
        return otlp.flush()


def in_part(rejected, message):
    """An answer of whichever signal is asked."""

    def answer(response, _context):
        partial = response.partial_success
        (field,) = [each.name for each in partial.DESCRIPTOR.fields if each.name.startswith("rejected")]
        setattr(partial, field, rejected)
        partial.error_message = message
        return response

    return answer


def test_what_is_rejected_in_part_is_lost_in_part(grpc_receiver, metrics, caplog):
    """Each signal counts what the back end did not take, and quotes why."""
    grpc_receiver.answers = [in_part(1, "too old") for _ in range(3)]
    assert flush(grpc_receiver, metrics) is False
    assert sorted(metrics.dropped) == [(each, "rejected", 1) for each in ("logs", "metrics", "traces")]
    assert caplog.text.count("rejected by the back end: too old; ") == 3


def test_a_warning_of_the_back_end_is_said_once(grpc_receiver, metrics, caplog):
    """Nothing was rejected, so nothing is lost."""
    grpc_receiver.answers = [in_part(0, "soon full") for _ in range(6)]
    assert flush(grpc_receiver, metrics) is True
    assert metrics.dropped == []
    assert caplog.text.count("and says: soon full") == 3


@pytest.mark.parametrize(
    "status",
    [
        "INVALID_ARGUMENT",
        "NOT_FOUND",
        "PERMISSION_DENIED",
        "UNAUTHENTICATED",
        "UNIMPLEMENTED",
        "INTERNAL",
        "RESOURCE_EXHAUSTED",
    ],
)
def test_what_the_back_end_refuses_is_lost_at_once(grpc_receiver, metrics, status):
    """Each signal is counted, and not tried again."""
    grpc_receiver.status = grpc.StatusCode[status]
    assert flush(grpc_receiver, metrics) is False
    assert grpc_receiver.calls == 4  # at the end of the session, the metrics once more
    assert {(signal, reason) for signal, reason, _ in metrics.dropped} == {
        (signal, "export_failed") for signal in ("logs", "metrics", "traces")
    }


def busy(code, metadata):
    """A refusal that says when to come back."""

    def answer(_response, context):
        context.set_trailing_metadata(metadata)
        context.abort(code, "busy")

    return answer


def later(seconds, how):
    """The metadata that asks to wait."""
    info = RetryInfo()
    info.retry_delay.FromTimedelta(timedelta(seconds=seconds))
    if how == "by itself":
        return (("google.rpc.retryinfo-bin", info.SerializeToString()),)
    status = Status()
    status.details.add().Pack(info)
    return (("grpc-status-details-bin", status.SerializeToString()),)


@pytest.mark.parametrize("how", ["by itself", "in the status"])
@pytest.mark.parametrize("code", ["RESOURCE_EXHAUSTED", "UNAVAILABLE", "ABORTED"])
@pytest.mark.parametrize("seconds", [0, 0.01])
def test_what_a_busy_back_end_asks_for_is_done(grpc_receiver, send, code, how, seconds):
    """It is tried again after the seconds that it names."""
    grpc_receiver.answers = [busy(grpc.StatusCode[code], later(seconds, how))]
    assert send().state == "arrived"
    assert grpc_receiver.calls == 2


def test_a_wait_longer_than_an_export_may_take_is_a_loss_at_once(grpc_receiver, send):
    """And is said, as the timeout is what could be changed."""
    grpc_receiver.answers = [busy(grpc.StatusCode.UNAVAILABLE, later(3_600, "in the status"))]
    reply = send()
    assert (reply.state, grpc_receiver.calls) == ("lost", 1)
    assert reply.why == "UNAVAILABLE: busy, and asks to wait 3600 s, longer than an export may take"


def test_what_is_too_large_goes_in_parts(grpc_receiver, metrics):
    """Until what alone is too large is lost alone; a quota that is used up is another matter."""

    def refuse(words):
        def answer(_response, context):
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, words)

        return answer

    otlp = OTLP(grpc_receiver.url, protocol="grpc", metrics=False, flush_timeout=10)
    with Session(Tracing(), metrics, otlp, inherit=False):
        for words in ("grpc: received message larger than max (9 vs. 8)", "no quota left"):
            grpc_receiver.answers = [refuse(words)]
            for _ in range(20):
                invert(1)
            otlp.flush()
    assert grpc_receiver.calls == 3 + 1
    assert (len(grpc_receiver.spans), metrics.dropped) == (20, [("traces", "export_failed", 20)])


def test_details_that_cannot_be_read_ask_for_nothing(grpc_receiver, send):
    """The code alone decides."""
    broken = (("grpc-status-details-bin", b"\xff\xff"),)
    grpc_receiver.answers = [busy(grpc.StatusCode.RESOURCE_EXHAUSTED, broken)]
    assert send().state == "lost"


def test_an_answer_that_is_none_of_otlp_is_no_delivery(send):
    """Whoever listens there."""
    server = grpc.server(ThreadPoolExecutor(1))
    handler = grpc.unary_unary_rpc_method_handler(lambda request, context: b"\xff\xff\xff")
    service = "opentelemetry.proto.collector.trace.v1.TraceService"
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {"Export": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        reply = send(f"http://127.0.0.1:{port}")
    finally:
        server.stop(None).wait()
    assert (reply.state, reply.kind) == ("lost", "no answer")


def test_a_server_of_http_is_no_back_end(send, receiver):
    """It is tried again, for as long as an export may take, as it may be one that is not up yet."""
    reply = send(receiver.url, timeout=0.3)
    assert (reply.state, reply.kind) == ("lost", "UNAVAILABLE")


FORK = """
    import os, sys
    from pegboard import OTLP, Session, Tracing, task

    otlp = OTLP(sys.argv[1], protocol="grpc", metrics=False)
    Session(Tracing(), otlp).install()
    task(lambda: None, name="parent")()
    otlp.flush()      # opens the channel, with threads of its own
    child = os.fork()
    task(lambda: None, name="child" if child == 0 else "parent")()
    if child:
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks there")
def test_a_forked_child_has_a_channel_of_its_own(grpc_receiver):
    """Its spans arrive, and the parent's do, each once."""
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "ignore:This process:DeprecationWarning",
            "-c",
            textwrap.dedent(FORK),
            grpc_receiver.url,
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("0\n", "")
    assert sorted(span.name for span in grpc_receiver.spans) == ["child", "parent", "parent"]
