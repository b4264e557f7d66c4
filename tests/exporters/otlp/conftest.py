from __future__ import annotations

import contextlib
import gzip
import logging
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from prometheus_client import CollectorRegistry

from pegboard_metrics import Metrics

KINDS = {
    "/v1/traces": (ExportTraceServiceRequest, ExportTraceServiceResponse),
    "/v1/metrics": (ExportMetricsServiceRequest, ExportMetricsServiceResponse),
    "/v1/logs": (ExportLogsServiceRequest, ExportLogsServiceResponse),
}


def attributes(pairs):
    """The attributes of anything, as a dict of Python values."""
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


class Kept:
    """What a receiver got, whatever the protocol, and what was wrong with it."""

    def __init__(self):
        self.guard = threading.Lock()
        self.requests = []  # (message, headers, bytes)
        self.faults = []
        self._sums = {}
        self._span_ids = set()

    def keep(self, message, headers, body):
        with self.guard:
            self.requests.append((message, headers, body))
            try:
                self._check(message)
            except AssertionError as error:
                self.faults.append(str(error))

    def of(self, kind):
        with self.guard:
            return [message for message, _, _ in self.requests if type(message) is kind]

    @property
    def bytes(self):
        with self.guard:
            return b"".join(body for _, _, body in self.requests)

    @property
    def spans(self):
        requests = self.of(ExportTraceServiceRequest)
        return [
            span for r in requests for rs in r.resource_spans for ss in rs.scope_spans for span in ss.spans
        ]

    @property
    def records(self):
        requests = self.of(ExportLogsServiceRequest)
        return [
            (ss.scope.name, record)
            for r in requests
            for rs in r.resource_logs
            for ss in rs.scope_logs
            for record in ss.log_records
        ]

    @property
    def pushes(self):
        """One dict of metrics by name for each request."""
        requests = self.of(ExportMetricsServiceRequest)
        return [
            {m.name: m for rm in r.resource_metrics for sm in rm.scope_metrics for m in sm.metrics}
            for r in requests
        ]

    @property
    def resources(self):
        with self.guard:
            messages = [message for message, _, _ in self.requests]
        return [
            attributes(each.resource.attributes)
            for message in messages
            for field in message.ListFields()
            for each in field[1]
        ]

    def _check(self, message):
        if isinstance(message, ExportTraceServiceRequest):
            for each in message.resource_spans:
                self._check_spans(each)
        elif isinstance(message, ExportMetricsServiceRequest):
            for each in message.resource_metrics:
                self._check_metrics(each)
        for each in message.ListFields()[0][1] if message.ListFields() else ():
            assert attributes(each.resource.attributes).get("service.name"), "no service.name"

    def _check_spans(self, resource_spans):
        for scope_spans in resource_spans.scope_spans:
            if scope_spans.scope.name == "pegboard":
                self._check_scope(scope_spans)
            for span in scope_spans.spans:
                assert any(span.span_id), "a span id of zero"
                assert span.span_id not in self._span_ids, "a span id twice"
                self._span_ids.add(span.span_id)
                assert span.start_time_unix_nano <= span.end_time_unix_nano, "an end before its start"

    def _check_scope(self, scoped):
        assert scoped.scope.version, "a scope without version"
        assert scoped.schema_url.startswith("https://opentelemetry.io/schemas/"), "no schema_url"

    def _check_metrics(self, resource_metrics):
        instance = attributes(resource_metrics.resource.attributes).get("service.instance.id")
        for scope_metrics in resource_metrics.scope_metrics:
            own = scope_metrics.scope.name == "pegboard"
            if own:
                self._check_scope(scope_metrics)
            for metric in scope_metrics.metrics:
                assert metric.description, f"{metric.name} has no description"
                assert metric.unit or not own, f"{metric.name} has no unit"
                for point in metric.histogram.data_points:
                    self._check_histogram(metric.name, point, instance)
                if metric.sum.is_monotonic:
                    for point in metric.sum.data_points:
                        self._check_rises(metric.name, point, instance, point.as_int or point.as_double)

    def _check_histogram(self, name, point, instance):
        assert len(point.bucket_counts) == len(point.explicit_bounds) + 1, f"{name}: buckets and bounds"
        assert sum(point.bucket_counts) == point.count, f"{name}: count"
        assert list(point.explicit_bounds) == sorted(set(point.explicit_bounds)), f"{name}: bounds"
        assert 0 < point.start_time_unix_nano <= point.time_unix_nano, f"{name}: start"
        self._check_rises(name, point, instance, point.count)

    def _check_rises(self, name, point, instance, value):
        key = (name, instance, *sorted(attributes(point.attributes).items()))
        assert value >= self._sums.get(key, 0), f"{name} goes down"
        self._sums[key] = value


class Receiver(Kept):
    """S: an OTLP server over HTTP on loopback that is strict, and slow, hanging or failing when told to be."""

    def __init__(self):
        super().__init__()
        self.delay, self.hangs, self.status = 0.0, False, 200
        self.answers = []  # functions of (handler, body), one for each of the next requests
        self.paths = []
        self.released = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                receiver.answer(self)

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *args: None  # clients that are cut hang up
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self._thread = threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()

    def answer(self, handler):
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        with self.guard:
            self.paths.append(handler.path)
            answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            answer(handler, body)
            return
        time.sleep(self.delay)
        if self.hangs:
            self.released.wait(30)
        reply = b""
        if self.status == 200:
            headers = {name.lower(): value for name, value in handler.headers.items()}
            reply = self.receive(handler.path.partition("?")[0], headers, body)
        handler.send_response(self.status)
        handler.send_header("Content-Type", "application/x-protobuf")
        handler.send_header("Content-Length", str(len(reply)))
        handler.end_headers()
        handler.wfile.write(reply)

    def receive(self, path, headers, body):
        if headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        if path not in KINDS or headers.get("content-type") != "application/x-protobuf":
            self.faults.append(f"{path}, {headers.get('content-type')}")
            return b""
        kind, response = KINDS[path]
        try:
            self.keep(kind.FromString(body), headers, body)
        except DecodeError:
            self.faults.append(f"{path}: no {kind.__name__}")
        return response().SerializeToString()

    def close(self):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


def answer(status, headers=None, body=b""):
    """What a back end answers instead, once."""

    def write(handler, _body):
        handler.send_response(status)
        for name, value in (headers or {}).items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return write


@pytest.fixture
def receiver():
    """S; whatever it found wrong fails the test."""
    with contextlib.closing(Receiver()) as receiver:
        yield receiver
    assert receiver.faults == []


@pytest.fixture(scope="module")
def shared_receiver():
    """S, for what several tests look at."""
    with contextlib.closing(Receiver()) as receiver:
        yield receiver
    assert receiver.faults == []


@pytest.fixture
def kept():
    """Where another server keeps what it gets."""
    return Kept()


@pytest.fixture
def metrics():
    return CountingMetrics(CollectorRegistry())


class CountingMetrics(Metrics):
    """Tells what exporters lost, as its registry has it."""

    @property
    def dropped(self):
        """(signal, reason, number), those alone that are not 0."""
        return [
            (sample.labels["pegboard_signal"], sample.labels["pegboard_reason"], sample.value)
            for family in self.registry.collect()
            for sample in family.samples
            if sample.name == "pegboard_telemetry_dropped_total" and sample.value
        ]

    def lost(self, signal):
        return sum(number for of, _, number in self.dropped if of == signal)


@pytest.fixture(autouse=True)
def no_settings_from_outside():
    """Tests set the variables they need; those of whoever runs them do not count."""
    kept = {name: value for name, value in os.environ.items() if name.startswith("OTEL_")}
    for name in kept:
        del os.environ[name]
    yield
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        del os.environ[name]
    os.environ.update(kept)


@pytest.fixture(autouse=True)
def nothing_stays():
    """No thread of the exporter, no filter and no handler is left after a test."""
    before = list(logging.getLogger().handlers)
    yield
    deadline = time.monotonic() + 5
    while own_threads() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert own_threads() == []
    assert logging.getLogger().handlers == before
    loggers = [logging.getLogger(name) for name in list(logging.root.manager.loggerDict)]
    assert [f for each in loggers for f in each.filters if type(f).__module__ == "pegboard_otlp._line"] == []


def own_threads():
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("pegboard-otlp")]
