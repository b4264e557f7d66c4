"""Requests: which are answered, which are refused, and with what."""

from __future__ import annotations

import gzip
import logging
import re

import pytest
from prometheus_client import Gauge


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
    "path",
    [
        "/",
        "/metrics//",
        "/metricsx",
        "/..",
        "/metrics%00",
        "/%2Fmetrics",
        "http://localhost",
        "http://localhost/x",
    ],
)
def test_other_paths_are_not_found(scrape, path):
    """404, naming the one there is."""
    answer = scrape(path=path)
    assert (answer.status, answer.body) == (404, b"The metrics are at /metrics.\n")


@pytest.mark.parametrize(
    "path",
    ["/metrics/", "/%6detrics", "/metrics?debug=1", "/metrics/?name[]=", "/metrics?a=/b", "/%6D%65trics/"],
)
def test_a_path_may_be_written_in_several_ways(scrape, path):
    """With a slash at its end, characters escaped that need not be, or a query, which is ignored."""
    assert scrape(path=path).status == 200


@pytest.mark.parametrize(
    "target", ["http://localhost/metrics", "HTTPS://[::1]:1/metrics/?x", "http://127.0.0.1/metrics"]
)
def test_a_target_may_be_a_whole_address(session, prometheus, connect, target):
    """As by a proxy; its host is the one that counts, whatever the Host header says."""
    client = connect(prometheus.port, f"GET {target} HTTP/1.1\r\nHost: proxy.example\r\n\r\n".encode())
    assert b" 200 " in client.makefile("rb").readline()


@pytest.mark.parametrize("authority", ["evil.example", "user@localhost", ""])
def test_a_whole_address_of_another_host_is_misdirected(scrape, authority):
    """The Host header does not make up for it."""
    assert scrape(path=f"http://{authority}/metrics", Host="localhost").status == 421


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


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("HTTP/1.1", 400),
        ("HTTP/1.1\r\nHost: localhost\r\nHost: localhost", 400),
        ("HTTP/1.0\r\nHost: localhost\r\nhost: evil.example", 400),
        ("HTTP/1.0", 200),
        ("HTTP/1.1\r\nHOST: localhost", 200),
    ],
)
def test_a_request_of_http_1_1_has_one_host(session, prometheus, connect, head, status):
    """Without one or with two it is no request; HTTP/1.0 did not know it."""
    client = connect(prometheus.port, f"GET /metrics {head}\r\n\r\n".encode())
    assert f" {status} ".encode() in client.makefile("rb").readline()


class Failing:
    """A collector that gives one family, and raises."""

    def collect(self):
        from prometheus_client.core import GaugeMetricFamily

        yield GaugeMetricFamily("given", "Given before.", value=1)
        raise LookupError("canary")


class Broken:
    """A collector of a family that cannot be written."""

    def collect(self):
        from prometheus_client.core import GaugeMetricFamily

        yield GaugeMetricFamily("broken", "No number.", value="no number")


class Nonsense:
    """A collector of what is no family."""

    def collect(self):
        return [LookupError("canary")]


DROPPED = (
    "pegboard_telemetry_dropped_total",
    ("pegboard_reason", "invalid"),
    ("pegboard_signal", "metrics"),
)


@pytest.mark.parametrize("accept", ["text/plain", "application/openmetrics-text"])
@pytest.mark.parametrize("collector", [Failing, Broken, Nonsense])
def test_what_one_collector_raises_costs_no_other(metrics, scrape, caplog, collector, accept):
    """The rest is served, each time; it is in the log once, and counted."""
    metrics.registry.register(collector())
    Gauge("mine", "Registered later.", registry=metrics.registry).set(7)
    for seen in (0, 1, 2):
        answer = scrape(Accept=accept)
        samples = answer.samples()
        assert (answer.status, samples["mine",].value) == (200, 7)
        assert b"canary" not in answer.body
        assert (("given",) in samples) is (collector is Failing)  # what it gave before
        assert (samples[DROPPED].value if DROPPED in samples else 0) == seen
    assert len([record for record in caplog.records if "left out" in record.getMessage()]) == 1
    assert re.search("LookupError|ValueError|AttributeError", caplog.text)


def test_a_surrogate_in_a_label_is_escaped(metrics, scrape):
    """From the name of a file, say; it costs neither its family nor the page."""
    Gauge("mine", "By file.", ["file"], registry=metrics.registry).labels("\udcff").set(1)
    assert scrape().samples()["mine", ("file", "\\udcff")].value == 1


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
