"""What orchestrators ask, inside of apps, wherever those are mounted."""

from __future__ import annotations

import asyncio

import pytest

from pegboard import Session
from pegboard_prometheus import Prometheus

ASKED = [
    ("", "/livez"),
    ("", "/readyz/"),
    ("/metrics", "/livez"),
    ("/metrics", "/metrics/livez"),
    ("/livez", ""),
    ("/livez", "/"),
    ("/livez", "/livez"),
    ("/ops", "/health/readyz"),
]
"""Where an app is mounted, and the path in it; ASGI servers and frameworks may repeat the one in the other."""


def by_asgi(app, root, path, method="GET"):
    """Ask an ASGI app, and return status and body."""
    sent = []

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "root_path": root, "headers": []}
    asyncio.run(app(scope, None, send))
    return sent[0]["status"], b"".join(each.get("body", b"") for each in sent)


def by_wsgi(app, root, path, method="GET"):
    """Ask a WSGI app."""
    statuses = []
    environ = {"REQUEST_METHOD": method, "SCRIPT_NAME": root, "PATH_INFO": path}
    body = app(environ, lambda status, headers: statuses.append(status))
    return int(statuses[0][:3]), b"".join(body)


WAYS = {
    "asgi": lambda prometheus, *asked: by_asgi(prometheus.asgi_app(), *asked),
    "wsgi": lambda prometheus, *asked: by_wsgi(prometheus.wsgi_app(), *asked),
}


@pytest.fixture(params=WAYS.values(), ids=WAYS)
def asked(request):
    return request.param


@pytest.mark.parametrize(("root", "path"), ASKED)
def test_the_end_of_the_path_tells_what_is_asked(metrics, asked, root, path):
    """Without a token and a Host header; so an app may be mounted as `/metrics`, or as `/livez` itself."""
    prometheus = Prometheus(None, token="abc")
    with Session(metrics, prometheus):
        assert asked(prometheus, root, path) == (200, b"ok\n")


@pytest.mark.parametrize(("root", "path"), [("/metrics", "/"), ("", "/livez/x"), ("/livez", "/metrics")])
def test_every_other_path_is_the_page(metrics, asked, root, path):
    """As it takes a token."""
    prometheus = Prometheus(None, token="abc")
    with Session(metrics, prometheus):
        assert asked(prometheus, root, path)[0] == 401


def test_head_and_other_methods_are_answered_as_at_the_endpoint(metrics, asked):
    """No body for the one, 405 for the others."""
    prometheus = Prometheus(None)
    with Session(metrics, prometheus):
        assert asked(prometheus, "", "/livez", "HEAD") == (200, b"")
        assert asked(prometheus, "", "/livez", "DELETE") == (405, b"GET, HEAD only.\n")


def test_a_session_that_drains_is_not_ready(metrics, asked):
    """The server goes on answering."""
    prometheus = Prometheus(None)
    with Session(metrics, prometheus) as session:
        session.drain()
        assert asked(prometheus, "/metrics", "/readyz") == (503, b"draining\n")
        assert asked(prometheus, "/metrics", "/livez") == (200, b"ok\n")
