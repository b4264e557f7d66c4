"""Pushes to a receiver that is stricter than the real one."""

from __future__ import annotations

import base64
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from pegboard import ConfigError, MissingPlugin, Session, task
from pegboard_metrics import Metrics, names
from pegboard_prometheus import PushGateway


@task
def invert(x):
    return 1 / x


class Receiver(ThreadingHTTPServer):
    """Keeps every push; answers with a status, after a while."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.pushes, self.status, self.delay, self.told = [], 200, threading.Event(), b""
        self.delay.set()

    @property
    def address(self):
        return f"127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.delay.wait(30)
        self.server.pushes.append((self.path, dict(self.headers), body.decode()))
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(self.server.told)

    def log_message(self, *arguments):
        """Say nothing."""


@pytest.fixture
def receiver():
    receiver = Receiver()
    thread = threading.Thread(target=receiver.serve_forever, args=(0.01,))
    thread.start()
    yield receiver
    receiver.delay.set()
    receiver.shutdown()
    thread.join()
    receiver.server_close()


def run(gateway, *arguments):
    with Session(Metrics(CollectorRegistry()), gateway, inherit=False):
        for argument in arguments:
            invert.run(argument)


def test_durations_and_last_success_are_pushed_and_nothing_else(receiver):
    """A gateway keeps what it has: an active call would be active there for ever."""
    run(PushGateway(receiver.address, "nightly"), 1, 2, 0)
    ((path, headers, body),) = receiver.pushes
    families = {family.name: family for family in text_string_to_metric_families(body)}
    assert path == "/metrics/job/nightly"
    assert headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert set(families) == {names.DURATION.name, names.LAST_SUCCESS.name}
    counts = [s.value for s in families[names.DURATION.name].samples if s.name.endswith("_count")]
    assert sorted(counts) == [1, 2]
    assert "_created" not in body


def test_a_run_without_success_leaves_the_last_one_alone(receiver):
    """A family that is not in a POST stays as it is at the gateway."""
    run(PushGateway(receiver.address, "nightly"), 0)
    assert names.LAST_SUCCESS.name not in receiver.pushes[0][2]


@pytest.mark.parametrize(
    ("job", "grouping", "path"),
    [
        ("a", {"instance": "b:1"}, "/metrics/job/a/instance/b%3A1"),
        ("a/b", {}, "/metrics/job@base64/YS9i"),
        ("a", {"dir": "/var/tmp"}, "/metrics/job/a/dir@base64/L3Zhci90bXA="),
        ("a", {"b": ""}, "/metrics/job/a/b@base64/="),
        ("..", {}, "/metrics/job@base64/Li4="),
        ("ä ?#%", {}, "/metrics/job/%C3%A4%20%3F%23%25"),
        ("a\r\nX: b", {}, "/metrics/job/a%0D%0AX%3A%20b"),
    ],
)
def test_groups_are_written_so_that_the_gateway_reads_them(receiver, job, grouping, path):
    """Whatever characters they have."""
    run(PushGateway(receiver.address, job, grouping), 1)
    assert receiver.pushes[0][0] == path


def test_user_and_password_are_presented_and_not_shown(receiver, caplog):
    """As basic authentication; a warning has the address without them, and a text that repeats them is masked."""
    receiver.status, receiver.told = 401, b"no: p@ss-canary"
    run(PushGateway(f"http://me:p%40ss-canary@{receiver.address}/prefix/", "a"), 1)
    path, headers, _ = receiver.pushes[0]
    assert path == "/prefix/metrics/job/a"
    assert base64.b64decode(headers["Authorization"].removeprefix("Basic ")) == b"me:p@ss-canary"
    assert f"http://{receiver.address}/prefix/metrics/job/a: status 401, 'no: ***'" in caplog.text
    assert "canary" not in caplog.text


def test_a_gateway_that_hangs_holds_up_no_session(receiver, caplog):
    """The end comes at the deadline, the loss is said once, and no thread is left for long."""
    receiver.delay.clear()
    before = time.monotonic()
    run(PushGateway(receiver.address, "a", timeout=0.2), 1)
    assert 0.2 <= time.monotonic() - before < 0.7
    assert len(caplog.records) == 1
    assert "no answer within 0.2 s" in caplog.text or "TimeoutError" in caplog.text
    deadline = time.monotonic() + 10
    while any(thread.name == "pegboard-pushgateway" for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_gateway_that_trickles_holds_up_no_session(caplog):
    """The deadline counts in all, not from byte to byte."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def trickle():
            client, _ = listener.accept()
            with client:
                try:
                    while True:
                        client.sendall(b"HTTP/1.1 200 OK\r\n"[:1])
                        time.sleep(0.05)
                except OSError:
                    return

        thread = threading.Thread(target=trickle)
        thread.start()
        before = time.monotonic()
        run(PushGateway(f"127.0.0.1:{listener.getsockname()[1]}", "a", timeout=0.3), 1)
        assert time.monotonic() - before < 0.8
        thread.join(10)
    assert "no answer within 0.3 s" in caplog.text


def test_a_gateway_that_is_not_there_is_a_warning(caplog):
    """With the address and the reason."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        run(PushGateway(f"127.0.0.1:{unused.getsockname()[1]}", "a"), 1)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "ConnectionRefusedError, Connection refused" in caplog.text


@pytest.mark.parametrize(
    ("arguments", "settings", "key"),
    [
        (("ftp://a", "job"), {}, "address"),
        (("http://", "job"), {}, "address"),
        (("a:port", "job"), {}, "address"),
        (("http://a/?x=1", "job"), {}, "address"),
        (("a:9091", ""), {}, "job"),
        (("a:9091", None), {}, "job"),
        (("a:9091", "job", {"job": "b"}), {}, "grouping"),
        (("a:9091", "job", {"pegboard_task_name": "b"}), {}, "grouping"),
        (("a:9091", "job", {"a b": "c"}), {}, "grouping"),
        (("a:9091", "job", {"a": 7}), {}, "grouping"),
        (("a:9091", "job"), {"timeout": 0}, "timeout"),
        (("a:9091", "job"), {"timeout": "5"}, "timeout"),
    ],
)
def test_what_cannot_be_is_refused(arguments, settings, key):
    """When it is written."""
    with pytest.raises(ConfigError) as caught:
        PushGateway(*arguments, **settings)
    assert (caught.value.where, caught.value.key) == ("PushGateway", key)


def test_a_refused_address_is_not_shown():
    """It may hold a password."""
    with pytest.raises(ConfigError) as caught:
        PushGateway("ftp://me:canary@host", "job")
    assert "canary" not in str(caught.value)


def test_without_metrics_it_says_what_to_attach():
    """There would be nothing to push."""
    with pytest.raises(MissingPlugin, match=r"PushGateway\(address, job\)"):
        Session(PushGateway("127.0.0.1:9", "a"), inherit=False).__enter__()


class Failing:
    """A collector of somebody else's."""

    def collect(self):
        raise LookupError


def test_a_collector_that_fails_costs_no_push(receiver, caplog):
    """What is pushed is ours."""
    registry = CollectorRegistry()
    registry.register(Failing())
    with Session(Metrics(registry), PushGateway(receiver.address, "nightly"), inherit=False):
        invert(1)
    assert names.LAST_SUCCESS.name in receiver.pushes[0][2]
    assert "the collector Failing is left out" in caplog.text


def test_where_no_thread_is_to_be_had_it_is_pushed_all_the_same(receiver, monkeypatch):
    """At the end of a process some Pythons start none."""
    start = threading.Thread.start

    def refuse(thread):
        if thread.name == "pegboard-pushgateway":
            raise RuntimeError("can't create new thread at interpreter shutdown")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    run(PushGateway(receiver.address, "nightly"), 1)
    assert len(receiver.pushes) == 1
