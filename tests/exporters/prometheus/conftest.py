from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from http.client import HTTPConnection

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from pegboard import Session
from pegboard_metrics import Metrics
from pegboard_prometheus import Prometheus, write_rules

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


def program(name, package):
    """Find a program that a test needs; in CI it has to be there."""
    found = shutil.which(name)
    if found is None:
        missing = f"{name} is not on PATH; Debian has it in the package {package}"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    return found


def make_certificate(folder, name="localhost"):
    """Make a certificate of localhost that signs itself, and its key."""
    certfile, keyfile = folder / f"{name}.crt", folder / f"{name}.key"
    words = [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
    ]
    words += ["-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    openssl = program("openssl", "openssl")
    subprocess.run(
        [openssl, *words, "-keyout", str(keyfile), "-out", str(certfile)], check=True, capture_output=True
    )
    return certfile, keyfile


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A certificate and its key, as files."""
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(name="make_certificate", scope="session")
def make_certificate_fixture():
    return make_certificate


@pytest.fixture(scope="session")
def find_program():
    return program


@pytest.fixture
def promtool(find_program):
    """Run promtool; what it says about a failure is the test's."""
    program = find_program("promtool", "prometheus")

    def run(*words, text=None):
        done = subprocess.run([program, *words], input=text, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


@pytest.fixture
def promtool_test(tmp_path, promtool):
    """Load rules, feed them series of one value a minute, and compare what queries give at a time."""

    def run(series, at, expected, thresholds=None, slos=()):
        paths = write_rules(tmp_path, thresholds, slos)
        queries = [
            {
                "expr": expression,
                "eval_time": at,
                "exp_samples": [{"labels": _written(labels), "value": value} for labels, value in samples],
            }
            for expression, samples in expected.items()
        ]
        feed = [{"series": _written(labels, name), "values": values} for name, labels, values in series]
        test = {
            "rule_files": [path.name for path in paths if "example" not in path.name],
            "evaluation_interval": "1m",
            "tests": [{"interval": "1m", "input_series": feed, "promql_expr_test": queries}],
        }
        (tmp_path / "test.yml").write_text(json.dumps(test))
        assert "SUCCESS" in promtool("test", "rules", str(tmp_path / "test.yml"))

    return run


def _written(labels, name=""):
    return name + "{" + ",".join(f'{key}="{value}"' for key, value in labels.items()) + "}"
