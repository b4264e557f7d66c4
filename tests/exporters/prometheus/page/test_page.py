"""Requests: which are answered, which are refused, and with what."""

from __future__ import annotations

import gzip
import logging

import pytest


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (None, "text/plain; version=0.0.4; charset=utf-8"),
        ("*/*", "text/plain; version=0.0.4; charset=utf-8"),
        ("application/openmetrics-text", "application/openmetrics-text; version=1.0.0; charset=utf-8"),
    ],
)
def test_the_answer_says_what_it_is(scrape, accept, kind):
    """Content type, length and a ban on guessing."""
    answer = scrape() if accept is None else scrape(Accept=accept)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == kind
    assert int(answer.headers["Content-Length"]) == len(answer.body) > 0
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Server"] == "pegboard"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Vary"] == "Accept, Accept-Encoding"


def test_head_is_get_without_the_body(prometheus, scrape, connect):
    """Same headers, no content."""
    length = f"Content-Length: {len(scrape().body)}\r\n".encode()
    answer = connect(prometheus.port, b"HEAD /metrics HTTP/1.0\r\n\r\n").makefile("rb").read()
    assert b" 200 OK\r\n" in answer
    assert length in answer
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "BREW"])
def test_other_methods_are_refused(scrape, method):
    """405, naming those that are allowed."""
    answer = scrape(method)
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    "path", ["/", "/metrics/", "/metricsx", "/..", "/metrics%00", "http://localhost/metrics"]
)
def test_other_paths_are_not_found(scrape, path):
    """404, naming the one there is."""
    answer = scrape(path=path)
    assert (answer.status, answer.body) == (404, b"The metrics are at /metrics.\n")


def test_a_query_is_ignored(scrape):
    """Some scrapers add one."""
    assert scrape(path="/metrics?debug=1").status == 200


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "LOCALHOST:9464", "localhost:1", "[::1]:9464"])
def test_a_host_of_this_machine_is_answered(scrape, host):
    """With any port, as it may be forwarded."""
    assert scrape(Host=host).status == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:9464", "localhost.evil.example", "10.0.0.1", "[::1", "a@b", ""]
)
def test_a_host_of_another_machine_is_misdirected(scrape, host):
    """421: a page of another name that resolves to loopback may not read the metrics."""
    answer = scrape(Host=host)
    assert answer.status == 421
    assert b"pegboard_" not in answer.body


def test_a_second_host_is_misdirected(session, prometheus, connect):
    """All Host headers count, not just the first."""
    client = connect(
        prometheus.port, b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n"
    )
    assert b" 421 " in client.makefile("rb").readline()


def test_a_collector_that_fails_is_an_error_of_the_scrape_alone(metrics, scrape, caplog):
    """500 with the type of the error, the rest in the log; the next scrape is answered."""

    class Failing:
        def collect(self):
            raise LookupError("canary")

    failing = Failing()
    metrics.registry.register(failing)
    answer = scrape()
    assert answer.status == 500
    assert b"LookupError" in answer.body
    assert b"canary" not in answer.body
    assert "canary" in caplog.text
    metrics.registry.unregister(failing)
    assert scrape().status == 200


def test_gzip_for_those_who_understand_it(scrape):
    """The same text, in fewer bytes; its length is that of what is sent."""
    answer = scrape(**{"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert int(answer.headers["Content-Length"]) == len(answer.body)
    assert gzip.decompress(answer.body) == scrape().body


def test_a_query_is_not_logged(scrape, caplog):
    """Some clients put what is secret there."""
    caplog.set_level(logging.DEBUG, "pegboard.prometheus")
    scrape(path="/metrics?token=canary")
    assert "canary" not in caplog.text


def test_requests_are_logged_quietly(scrape, capfd, caplog):
    """One line at debug level, with control characters escaped, and nothing on standard error."""
    caplog.set_level(logging.DEBUG, "pegboard.prometheus")
    scrape()
    assert [record.levelname for record in caplog.records] == ["DEBUG"]
    assert "GET /metrics" in caplog.records[0].getMessage()
    assert "\n" not in caplog.records[0].getMessage()
    assert capfd.readouterr().err == ""
