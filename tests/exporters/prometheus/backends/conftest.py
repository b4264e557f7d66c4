"""Prometheus and Alertmanager, real ones, on loopback, each for one test."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from contextlib import ExitStack
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest

from pegboard import Session
from pegboard_dashboards import Thresholds, write_rules
from pegboard_prometheus import Prometheus

PATIENCE = 30  # seconds for what takes one or two


def fetch(url, **parameters):
    """Ask an HTTP API, and return what its JSON holds."""
    data = urlencode(parameters, doseq=True).encode() if parameters else None
    with urlopen(Request(url, data), timeout=PATIENCE) as answer:
        return json.load(answer)


def wait_until(found, what):
    """Ask again until there is an answer that counts, and return it."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if answer := found():
            return answer
        time.sleep(0.05)
    pytest.fail(f"{what} did not happen within {PATIENCE} s")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def serve(stack, folder, port, command):
    """Start a server, wait until it is ready, and end it with the test."""
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    stack.callback(server.wait, PATIENCE)
    stack.callback(server.terminate)

    def is_ready():
        if server.poll() is not None:
            pytest.fail(f"{command[0]} ended: {(folder / 'log').read_text()}")
        try:
            return urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=1).status == 200
        except (URLError, OSError):
            return False

    wait_until(is_ready, f"the start of {command[0]}")


class Alertmanager:
    """A running Alertmanager."""

    def __init__(self, stack, folder, find_program):
        self.port = free_port()
        (folder / "am.yml").write_text(
            json.dumps({"route": {"receiver": "none"}, "receivers": [{"name": "none"}]})
        )
        words = ["--config.file=am.yml", "--storage.path=data", "--cluster.listen-address="]
        words += [f"--web.listen-address=127.0.0.1:{self.port}"]
        program = find_program("prometheus-alertmanager", "prometheus-alertmanager")
        serve(stack, folder, self.port, [program, *words])

    def alerts(self):
        """The labels of the alerts that arrived, by name of the alert."""
        found = fetch(f"http://127.0.0.1:{self.port}/api/v2/alerts")
        return {alert["labels"]["alertname"]: alert["labels"] for alert in found}


class PrometheusServer:
    """A running Prometheus that scrapes one endpoint several times a second."""

    def __init__(
        self, stack, folder, find_program, target, rules=(), alertmanager=None, job=None, interval="400ms"
    ):
        self.port = free_port()
        self.target = target
        scrape = {"job_name": "app", "static_configs": [{"targets": [target]}], **(job or {})}
        config = {
            "global": {
                "scrape_interval": interval,
                "scrape_timeout": interval,
                "evaluation_interval": "200ms",
            },
            "rule_files": [str(rule) for rule in rules],
            "scrape_configs": [scrape],
        }
        if alertmanager is not None:
            targets = [{"targets": [f"127.0.0.1:{alertmanager.port}"]}]
            config["alerting"] = {"alertmanagers": [{"static_configs": targets}]}
        (folder / "prom.yml").write_text(json.dumps(config))
        words = ["--config.file=prom.yml", "--storage.tsdb.path=data", "--enable-feature=exemplar-storage"]
        words += [f"--web.listen-address=127.0.0.1:{self.port}"]
        serve(stack, folder, self.port, [find_program("prometheus", "prometheus"), *words])

    def api(self, path, **parameters):
        """Ask the HTTP API."""
        answer = fetch(f"http://127.0.0.1:{self.port}/api/v1/{path}", **parameters)
        assert answer["status"] == "success"
        return answer["data"]

    def query(self, expression):
        """The values of an instant query, by labels; a single one without labels is under ()."""
        return {
            tuple(sorted(sample["metric"].items())): float(sample["value"][1])
            for sample in self.api("query", query=expression)["result"]
        }

    def value(self, expression):
        """The one value of an instant query, or None."""
        values = list(self.query(expression).values())
        assert len(values) <= 1, values
        return values[0] if values else None

    def after_next_scrape(self):
        """Wait for a scrape that began after this was called, and ended well."""
        before = time.time()

        def scraped():
            targets = self.api("targets?state=active")["activeTargets"]
            return any(
                target["health"] == "up" and _seconds(target["lastScrape"]) > before for target in targets
            )

        wait_until(scraped, "a scrape")
        return self


def _seconds(stamp):
    from datetime import datetime

    return datetime.fromisoformat(stamp).timestamp()


@pytest.fixture(name="wait_until")
def wait_until_fixture():
    return wait_until


@pytest.fixture(name="serve", scope="session")
def serve_fixture():
    return serve


@pytest.fixture(name="free_port", scope="session")
def free_port_fixture():
    return free_port


@pytest.fixture(scope="session")
def stack():
    """What the tests have started, ended in reverse."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def start_prometheus(tmp_path, find_program):
    """Start a Prometheus of this test alone; it takes 5 seconds until it begins to scrape."""
    with ExitStack() as stack:

        def start(target, **settings):
            folder = tmp_path / "prometheus"
            folder.mkdir()
            return PrometheusServer(stack, folder, find_program, target, **settings)

        yield start


@pytest.fixture(scope="session")
def alertmanager(stack, tmp_path_factory, find_program):
    """A running Alertmanager."""
    return Alertmanager(stack, tmp_path_factory.mktemp("alertmanager"), find_program)


@pytest.fixture(scope="session")
def server(stack, tmp_path_factory, find_program, alertmanager):
    """A Prometheus that scrapes one port, on which the sessions of the tests listen one after another.

    What an instant query finds after `after_next_scrape` is what the last scrape found: series that went away are stale at once.
    """
    target = f"127.0.0.1:{free_port()}"
    folder = tmp_path_factory.mktemp("prometheus")
    paths = write_rules(folder, Thresholds(stuck=1, breaker_open=1))
    rules = [path for path in paths if "example" not in path.name]
    return PrometheusServer(stack, folder, find_program, target, rules=rules, alertmanager=alertmanager)


@pytest.fixture
def port(server):
    """The port that is scraped."""
    return int(server.target.rpartition(":")[2])


@pytest.fixture
def scraped(metrics, port, server):
    """A Prometheus that scrapes the session that is open during the test."""
    with Session(metrics, Prometheus(port), inherit=False, strict=True):
        yield server
