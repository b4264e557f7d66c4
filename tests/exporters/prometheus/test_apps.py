"""The ASGI and WSGI apps, in real servers."""

from __future__ import annotations

import asyncio
import gzip
import socket
import threading
import time
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.validate import validator

import pytest
import uvicorn
from prometheus_client import CollectorRegistry

from pegboard import Session, task
from pegboard_metrics import Metrics
from pegboard_prometheus import Prometheus

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


@task
def work():
    return 1


class QuietHandler(WSGIRequestHandler):
    def log_message(self, *arguments):
        """Say nothing."""


def serve_wsgi(app, stop):
    """Serve a WSGI app in a thread, checked against the standard, and return its port."""
    server = make_server("127.0.0.1", 0, validator(app), handler_class=QuietHandler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    stop += [server.shutdown, thread.join, server.server_close]
    return server.server_port


def serve_asgi(app, stop):
    """Serve an ASGI app with uvicorn in a thread, and return its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="error", lifespan="on", http="h11", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=asyncio.run, args=(server.serve([listener]),))
    thread.start()
    stop += [lambda: setattr(server, "should_exit", True), thread.join, listener.close]
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    return listener.getsockname()[1]


SERVERS = {"asgi": serve_asgi, "wsgi": serve_wsgi}


@pytest.fixture(scope="module")
def serve():
    """Serve an app of a kind, for as long as these tests run."""
    stop = []

    def serve(kind, exporter):
        app = exporter.asgi_app() if kind == "asgi" else exporter.wsgi_app()
        return SERVERS[kind](app, stop)

    yield serve
    for step in stop:
        step()


@pytest.fixture(params=SERVERS, scope="module")
def app(request, serve, ask):
    """A function that asks an app which serves the metrics of a session that is open."""
    exporter = Prometheus(None, allowed_hosts=["metrics.internal"])
    with Session(Metrics(CollectorRegistry()), exporter, inherit=False):
        work()
        port = serve(request.param, exporter)
        yield lambda *words, **headers: ask(port, *words, **headers)


@pytest.mark.parametrize("path", ["/", "/metrics", "/mounted/here?x=1"])
def test_the_metrics_are_served_at_any_path(app, path):
    """Where it is mounted is the framework's business."""
    answer = app("GET", path)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    labels = {
        "pegboard_task_name": "work",
        "pegboard_call_status": "ok",
        "pegboard_call_source": "run",
        "error_type": "",
    }
    key = ("pegboard_task_duration_seconds_count", *sorted(labels.items()))
    assert answer.samples()[key].value == 1


@pytest.mark.parametrize("path", ["/livez", "/metrics/readyz?verbose"])
def test_probes_are_answered_under_any_name(app, path):
    """By the end of the path; `test_apps_health.py` has the rest."""
    answer = app("GET", path, Host="10.0.0.7:8000")
    assert (answer.status, answer.body) == (200, b"ok\n")
    head = app("HEAD", path)
    assert (head.status, head.body) == (200, b"")


def test_the_format_is_negotiated(app):
    """As by the endpoint: OpenMetrics for those who name it, gzip for those who understand it."""
    answer = app(Accept=OPENMETRICS)
    assert answer.headers["Content-Type"].startswith(OPENMETRICS)
    assert answer.samples()
    packed = app(**{"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.body) == app().body


def test_head_is_get_without_the_body(app):
    """With the length of what GET sends."""
    answer = app("HEAD")
    assert (answer.status, answer.body) == (200, b"")
    assert int(answer.headers["Content-Length"]) == len(app().body)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_other_methods_are_refused(app, method):
    """405, naming those that are allowed."""
    answer = app(method)
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    ("host", "status"), [("localhost", 200), ("metrics.internal:8000", 200), ("evil.example", 421)]
)
def test_hosts_are_those_that_were_listed(app, host, status):
    """An app behind a name of its own has to be told that name."""
    assert app(Host=host).status == status


@pytest.mark.parametrize("kind", SERVERS)
def test_a_token_is_asked_for_there_too(metrics, serve, ask, kind):
    """401 without it, whatever the server."""
    exporter = Prometheus(None, token="t0ken", allowed_hosts="*")
    with Session(metrics, exporter, inherit=False):
        port = serve(kind, exporter)
        assert ask(port).headers["WWW-Authenticate"] == 'Bearer realm="pegboard"'
        assert ask(port, Host="any.example", Authorization="Bearer t0ken").status == 200
        assert ask(port, Authorization="Bearer other").status == 401


@pytest.mark.parametrize("kind", SERVERS)
def test_without_a_session_there_is_nothing_to_serve(metrics, serve, ask, kind):
    """503 before the session, between two, and after; an app is made once, when a program is imported."""
    exporter = Prometheus(None)
    port = serve(kind, exporter)
    statuses = [ask(port).status]
    for _ in range(2):
        with Session(metrics, exporter, inherit=False):
            statuses.append(ask(port).status)
        statuses.append(ask(port).status)
    assert statuses == [503, 200, 503, 200, 503]


def test_all_who_ask_meanwhile_get_one_page(metrics):
    """Forty scrapers in a loop cost one reading of the registry, and one thread."""
    times, release = [], threading.Event()

    class Waiting:
        def collect(self):
            times.append(1)
            release.wait(30)
            return []

    exporter = Prometheus(None)
    metrics.registry.register(Waiting())

    async def scrape():
        sent = []

        async def send(message):
            sent.append(message.get("body", b""))

        scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"host", b"localhost")]}
        await exporter.asgi_app()(scope, None, send)
        return b"".join(sent)

    async def scrape_all():
        threads = threading.active_count()
        scrapes = asyncio.gather(*(scrape() for _ in range(40)))
        await asyncio.sleep(0)  # all have asked
        assert threading.active_count() == threads + 1
        release.set()
        return await scrapes

    with Session(metrics, exporter, inherit=False):
        pages = set(asyncio.run(scrape_all()))
    assert (len(pages), len(times)) == (1, 1)
    assert b"pegboard_task_active" in pages.pop()


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_request_of_http_1_1_has_one_host(metrics, version):
    """Where the server leaves that to the app."""
    exporter = Prometheus(None)
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "SERVER_PROTOCOL": f"HTTP/{version}"}
    told = []
    with Session(metrics, exporter, inherit=False):
        exporter.wsgi_app()(environ, lambda status, headers: told.append(status))
    assert told == ["400 Bad Request" if version == "1.1" else "200 OK"]


@pytest.mark.parametrize("refusing", ["gzip;Q=0", "gzip ; q=0.0, *", "identity"])
def test_gzip_is_for_those_who_take_it(app, refusing):
    """Whatever the spelling of those who do not."""
    assert "Content-Encoding" not in app(**{"Accept-Encoding": refusing}).headers


def test_without_a_port_nothing_listens(metrics):
    """The apps alone need no endpoint."""
    exporter = Prometheus(None)
    threads = threading.active_count()
    with Session(metrics, exporter, inherit=False):
        assert (exporter.port, exporter.url) == (None, "")
        assert threading.active_count() == threads


def test_a_websocket_is_closed():
    """There is nothing to talk about."""
    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": "websocket.connect"}

    asyncio.run(Prometheus(None).asgi_app()({"type": "websocket"}, receive, send))
    assert sent == [{"type": "websocket.close", "code": 1000}]


def test_a_loop_of_another_library_will_do(metrics):
    """Driven by hand, without asyncio: the answer is made where it is asked for."""
    exporter = Prometheus(None)
    sent = []

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"Host", b"localhost")]}
    with Session(metrics, exporter, inherit=False), pytest.raises(StopIteration):
        exporter.asgi_app()(scope, None, send).send(None)
    assert sent[0]["status"] == 200
    assert b"pegboard_task_active" in sent[1]["body"]


def test_a_server_may_tell_of_its_start_and_end():
    """Servers that insist on the lifespan protocol get its answers, and no error."""
    told = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent = []

    async def send(message):
        sent.append(message["type"])

    async def receive():
        return told.pop(0)

    asyncio.run(Prometheus(None).asgi_app()({"type": "lifespan"}, receive, send))
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_head_has_no_body_for_the_server_to_send(metrics):
    """Not every WSGI server drops it."""
    exporter = Prometheus(None)
    environ = {"REQUEST_METHOD": "HEAD", "PATH_INFO": "/", "HTTP_HOST": "localhost"}
    with Session(metrics, exporter, inherit=False):
        body = exporter.wsgi_app()(environ, lambda status, headers: None)
    assert b"".join(body) == b""
