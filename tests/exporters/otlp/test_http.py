"""What a back end answers over HTTP is read: it took all, or some, or none, or asks to come back later."""

from __future__ import annotations

import logging
import socket
import struct
import threading
import time
from email.utils import formatdate

import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from tests.exporters.otlp.conftest import answer

from pegboard import Session, task
from pegboard_otlp import OTLP
from pegboard_otlp._destination import destination_of
from pegboard_otlp._line import Line
from pegboard_tracing import Tracing

PROTOBUF = {"Content-Type": "application/x-protobuf"}
JSON = {"Content-Type": "application/json; charset=utf-8"}
HTML = {"Content-Type": "text/html; charset=utf-8"}
SIGNALS = ("traces", "metrics", "logs")


@task
def invert(x):
    return 1 / x


@pytest.fixture
def send(receiver):
    """Sends one request of spans over a line of its own, and returns the reply."""
    lines = []

    def send(path="", timeout=5.0, **arguments):
        request = OTLP(receiver.url + path, timeout=timeout, **arguments)._request
        lines.append(Line(destination_of("traces", request)))
        return lines[-1].send(b"")

    yield send
    for line in lines:
        line.close()


@pytest.fixture
def flush(receiver, metrics, caplog):
    """Sends one item of each signal, and returns what `flush` says."""

    def flush():
        otlp = OTLP(receiver.url, logs=True, flush_timeout=10)
        with Session(Tracing(), metrics, otlp, inherit=False):
            invert(1)
            logging.getLogger("shop").error("burnt")
            said = otlp.flush()
        flush.lines = [record.getMessage() for record in caplog.records if record.name == "pegboard.otlp"]
        return said

    return flush


NO_DELIVERY = {
    **{
        f"{status} to elsewhere": (status, {"Location": "https://otel.example/v1/traces"}, b"")
        for status in (301, 302, 303, 304, 307, 308)
    },
    "307 to nowhere": (307, {}, b""),
    "308 without encryption": (308, {"Location": "http://otel.example/"}, b""),
    "a page": (200, HTML, b"<html>log in</html>"),
    "a page without a type": (200, {}, b"<html>log in</html>"),
    "a text": (200, {"Content-Type": "text/plain"}, b"welcome"),
    "no protobuf": (200, PROTOBUF, b"\xff\xff\xff"),
    "no JSON": (200, JSON, b"{"),
    "JSON of another": (200, JSON, b'["welcome"]'),
    "400": (400, {}, b""),
    "401": (401, JSON, b'{"error": "no key"}'),
    "403": (403, {}, b""),
    "404": (404, HTML, b"<html>no such page</html>"),
    "413": (413, {}, b""),
    "500": (500, {}, b""),
}


@pytest.mark.parametrize("how", NO_DELIVERY)
def test_an_answer_that_takes_nothing_is_a_loss_of_each_signal(receiver, flush, metrics, how):
    """`flush` is False, the loss is counted, it is not tried again, and said in one line while the session goes on."""
    receiver.answers = [answer(*NO_DELIVERY[how]) for _ in SIGNALS]
    assert flush() is False
    assert len(receiver.paths) == 4  # at the end of the session, the metrics once more
    assert {(signal, reason) for signal, reason, _ in metrics.dropped} == {
        (signal, "export_failed") for signal in SIGNALS
    }
    assert len([line for line in flush.lines if line.endswith("told at the end")]) == 3


DELIVERY = {
    "nothing": (200, {}, b""),
    "nothing of a type": (200, HTML, b""),
    "accepted": (202, {}, b""),
    "no content": (204, {}, b""),
    "a message": (200, PROTOBUF, b""),
    "JSON": (200, JSON, b'{"partialSuccess": {}}'),
    "JSON with more": (200, JSON, b'{"took": 7}'),
}


@pytest.mark.parametrize("how", DELIVERY)
def test_an_answer_that_takes_everything_is_a_delivery(send, receiver, how):
    """Whatever the back end adds to it, if it is OTLP's."""
    receiver.answers = [answer(*DELIVERY[how])]
    assert send().state == "arrived"


def partial(signal, rejected, message=""):
    kind, field = {
        "traces": (ExportTraceServiceResponse, "rejected_spans"),
        "metrics": (ExportMetricsServiceResponse, "rejected_data_points"),
        "logs": (ExportLogsServiceResponse, "rejected_log_records"),
    }[signal]
    response = kind()
    setattr(response.partial_success, field, rejected)
    response.partial_success.error_message = message
    return response.SerializeToString()


def answer_in_part(rejected, message):
    """An answer for whichever signal asks."""

    def write(handler, body):
        signal = handler.path.rpartition("/")[2]
        answer(200, PROTOBUF, partial(signal, rejected, message))(handler, body)

    return write


def test_what_is_rejected_in_part_is_lost_in_part(receiver, flush, metrics):
    """Each signal counts what the back end did not take, and quotes why."""
    receiver.answers = [answer_in_part(1, "too old") for _ in SIGNALS]
    assert flush() is False
    assert sorted(metrics.dropped) == [(signal, "rejected", 1) for signal in sorted(SIGNALS)]
    said = [line for line in flush.lines if "rejected by the back end: too old; " in line]
    assert len(said) == 3


def test_more_is_not_rejected_than_was_sent(receiver, flush, metrics):
    """Whatever a back end says."""
    receiver.answers = [answer_in_part(1_000_000, "") for _ in SIGNALS]
    assert flush() is False
    assert {number for signal, _, number in metrics.dropped if signal != "metrics"} == {1}


def test_a_warning_of_the_back_end_is_said_once(receiver, flush, metrics):
    """Nothing was rejected, so nothing is lost."""
    receiver.answers = [answer_in_part(0, "soon full") for _ in SIGNALS * 2]
    assert flush() is True
    assert metrics.dropped == []
    assert sorted(flush.lines) == [
        f"otlp: {receiver.url}/v1/{signal} takes the {items}, and says: soon full"
        for signal, items in [("logs", "log records"), ("metrics", "metric points"), ("traces", "spans")]
    ]


def test_json_may_say_what_is_rejected(send, receiver):
    """As protobuf does."""
    receiver.answers = [
        answer(200, JSON, b'{"partialSuccess": {"rejectedSpans": "2", "errorMessage": "old"}}')
    ]
    reply = send()
    assert (reply.state, reply.rejected, reply.remark) == ("arrived", 2, "old")


@pytest.mark.parametrize("status", [307, 308])
@pytest.mark.parametrize("location", ["/moved?to=1", "here"])
def test_a_redirect_to_the_same_server_is_followed(receiver, status, location, send):
    """With the same request: a POST, its body and its headers."""
    seen = []

    def keep(handler, body):
        seen.append((handler.command, handler.path, handler.headers["x-key"], body))
        answer(200)(handler, body)

    receiver.answers = [answer(status, {"Location": location}), keep]
    assert send(headers={"x-key": "7"}).state == "arrived"
    assert seen == [("POST", "/moved?to=1" if location[0] == "/" else "/v1/here", "7", b"")]


def test_redirects_that_lead_in_a_circle_are_a_loss(receiver, send):
    """After five of them."""
    receiver.answers = [answer(307, {"Location": "/v1/traces"}) for _ in range(9)]
    reply = send()
    assert (reply.state, len(receiver.paths)) == ("lost", 5)
    assert "redirects" in reply.why


def test_a_redirect_is_said_without_credentials(receiver, send):
    """It names where it points to, and what to do."""
    receiver.answers = [answer(301, {"Location": "https://u:canary@otel.example/v1?key=canary"})]
    why = send().why
    assert why.startswith("301 Moved Permanently, which points to https://otel.example/v1: set the endpoint")
    assert "canary" not in why


@pytest.mark.parametrize("status", [429, 502, 503, 504])
@pytest.mark.parametrize("after", ["0", " 0.01 ", "-5", "past"])
def test_what_a_busy_back_end_asks_for_is_done(receiver, send, status, after):
    """It is tried again after the seconds, or at the date, that it names."""
    header = formatdate(time.time() - 60, usegmt=True) if after == "past" else after
    receiver.answers = [answer(status, {"Retry-After": header})]
    assert send().state == "arrived"
    assert len(receiver.paths) == 2


@pytest.mark.parametrize("after", ["3600", "date"])
def test_a_wait_longer_than_an_export_may_take_is_a_loss_at_once(receiver, send, after):
    """And is said, as the timeout is what could be changed."""
    header = formatdate(time.time() + 3_600, usegmt=True) if after == "date" else after
    receiver.answers = [answer(503, {"Retry-After": header})]
    reply = send()
    assert (reply.state, len(receiver.paths)) == ("lost", 1)
    assert reply.why.startswith("503 Service Unavailable, and asks to wait 3")


@pytest.mark.parametrize("after", ["soon", "nan", "inf", ""])
def test_a_wait_that_is_none_is_not_asked_for(receiver, send, after):
    """A busy back end is tried again after a wait of our own, of 0.8 s at least the first time."""
    receiver.answers = [answer(503, {"Retry-After": after})]
    reply = send(timeout=0.7)
    assert (reply.state, len(receiver.paths)) == ("lost", 1)
    assert "asks to wait" not in reply.why


def cut_off(head, how):
    """A connection that ends in the middle of the answer."""

    def write(handler, _body):
        handler.wfile.write(head)
        if how == "reset":
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            handler.connection.close()
        handler.close_connection = True

    return write


@pytest.mark.parametrize("how", ["ended", "reset"])
@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n\n\x02",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    ],
    ids=["before it", "in its body", "in a chunk"],
)
def test_an_answer_that_breaks_off_is_none(receiver, send, head, how):
    """The request goes out once more, on a connection of its own."""
    receiver.answers = [cut_off(head, how)]
    assert send().state == "arrived"
    assert len(receiver.paths) == 2


def endless(handler, _body):
    """Chunk after chunk, until nobody listens."""
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    try:
        while True:
            handler.wfile.write(b"1\r\n\n\r\n")
            time.sleep(0.001)
    except OSError:
        handler.close_connection = True


def test_an_answer_without_an_end_takes_no_longer_than_an_export_may(receiver, send):
    """It is a loss, as nobody knows what it would have said."""
    receiver.answers = [endless]
    reply = send(timeout=0.2)
    assert (reply.state, len(receiver.paths)) == ("lost", 1)
    assert "does not end" in reply.why


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (PROTOBUF, Status(message="no such tenant").SerializeToString()),
        (JSON, b'{"message": "no such tenant"}'),
        ({"Content-Type": "text/plain"}, b"no such\n tenant"),
    ],
    ids=["protobuf", "json", "text"],
)
def test_a_refusal_is_quoted(receiver, send, headers, body):
    """What the back end says about it, in one line."""
    receiver.answers = [answer(400, headers, body)]
    why = send().why
    assert why.startswith("400 Bad Request: ")
    assert "no such tenant" in why


def test_a_refusal_quotes_no_credential(receiver, send):
    """Some back ends repeat the key that they do not know."""
    receiver.answers = [answer(401, JSON, b'{"message": "unknown key canary-7"}')]
    assert send(headers={"x-key": "canary-7"}).why.endswith('{"message": "unknown key ***"}')


def test_a_failure_is_said_again_after_a_delivery(receiver, metrics, caplog):
    """Or if it is another one; as long as it stays the same it is not."""
    otlp = OTLP(receiver.url, metrics=False)
    with Session(Tracing(), metrics, otlp, inherit=False):
        for status in (401, 401, 403, 200, 403):
            receiver.answers = [answer(status)]
            invert(1)
            assert otlp.flush(10) is (status == 200)
    said = [record.getMessage().partition(": ")[2].partition(" ")[0] for record in caplog.records]
    codes = [record.getMessage().split("/v1/traces: ")[1][:3] for record in caplog.records]
    assert (said, codes) == (["1", "3", "4", "4"], ["401", "403", "403", "403"])


def test_a_flush_waits_no_longer_than_it_may_for_what_is_tried_again(receiver, metrics):
    """It is False, and what is tried again meanwhile arrives all the same."""
    may_go_on = threading.Event()

    def hold(handler, body):
        may_go_on.wait(30)
        answer(200)(handler, body)

    receiver.answers = [answer(503, {"Retry-After": "0"}), hold]
    otlp = OTLP(receiver.url, metrics=False, timeout=30)
    with Session(Tracing(), metrics, otlp, inherit=False):
        invert(1)
        assert otlp.flush(0.01) is False
        may_go_on.set()
        assert otlp.flush(30) is True
    assert len(receiver.paths) == 2
    assert metrics.dropped == []


def test_what_is_too_large_goes_in_parts(receiver, metrics):
    """Until what alone is too large is lost alone."""
    sizes = []

    def too_large(handler, body):
        sizes.append(len(body))
        if len(body) > 1_100:
            answer(413)(handler, body)
        else:
            answer(200)(handler, body)

    receiver.answers = [too_large for _ in range(99)]

    @task
    def fails(text):
        raise ValueError(text)

    otlp = OTLP(receiver.url, metrics=False)
    with Session(Tracing(), metrics, otlp, inherit=False):
        for _ in range(4):
            invert(1)
        fails.run("x" * 2_000)
        assert not otlp.flush(10)
    assert metrics.dropped == [("traces", "export_failed", 1)]
    assert len([size for size in sizes if size <= 1_100]) >= 1


def test_a_dead_back_end_of_one_session_is_nothing_to_another(receiver, metrics):
    """Each has its own line, and its own answer to `flush`."""
    dead, alive = OTLP("http://127.0.0.1:9", flush_timeout=0.2), OTLP(receiver.url)
    with Session(Tracing(), metrics, alive, inherit=False):
        with Session(Tracing(), dead):
            invert(1)
            assert dead.flush() is False
        invert(2)
        assert alive.flush(10) is True
    assert len(receiver.spans) == 1


def test_a_netrc_replaces_no_header(receiver, tmp_path, monkeypatch):
    """What is in ~/.netrc for the host is not what was asked for."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login u password p")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    seen = []

    def keep(handler, body):
        seen.append(handler.headers["authorization"])
        answer(200)(handler, body)

    receiver.answers = [keep]
    line = Line(destination_of("traces", OTLP(receiver.url, headers={"Authorization": "Bearer 7"})._request))
    assert line.send(b"").state == "arrived"
    line.close()
    assert seen == ["Bearer 7"]
