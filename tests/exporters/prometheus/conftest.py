from __future__ import annotations

import socket
from http.client import HTTPConnection

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from pegboard import Session
from pegboard_metrics import Metrics
from pegboard_prometheus import Prometheus

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


class Answer:
    """Status, headers and body of one response."""

    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    def samples(self):
        """The samples of the body, by name and labels; an invalid body is an error."""
        is_openmetrics = self.headers["Content-Type"].startswith("application/openmetrics-text")
        parse = parse_openmetrics if is_openmetrics else parse_text
        return {
            (sample.name, *sorted(sample.labels.items())): sample
            for family in parse(self.body.decode())
            for sample in family.samples
        }


def ask(port, method="GET", path="/metrics", **headers):
    """Send one request to loopback, with a limit far above what any answer may take."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request(method, path, headers=headers)
        return Answer(connection.getresponse())
    finally:
        connection.close()


@pytest.fixture(name="ask", scope="session")
def ask_fixture():
    return ask


@pytest.fixture
def metrics():
    return Metrics(CollectorRegistry())


@pytest.fixture
def prometheus():
    return Prometheus(0)


@pytest.fixture
def session(metrics, prometheus):
    with Session(metrics, prometheus, strict=True, inherit=False) as session:
        yield session


@pytest.fixture
def scrape(session, prometheus, ask):
    """Ask the endpoint of the session."""

    def scrape(method="GET", path="/metrics", **headers):
        return ask(prometheus.port, method, path, **headers)

    return scrape


@pytest.fixture
def connect():
    """Open raw connections to a port, closed after the test."""
    opened = []

    def connect(port, data=b""):
        client = socket.create_connection(("127.0.0.1", port), timeout=30)
        opened.append(client)
        client.sendall(data)
        return client

    yield connect
    for client in opened:
        client.close()
