"""The projects that the how-to pages write, run by the servers they are written for, on loopback."""

from __future__ import annotations

import contextlib
import http.client
import importlib.util
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import attrs
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client.parser import text_string_to_metric_families

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "how-to"
PATIENCE = 30
PATIENT = {"OTLP()": "OTLP(flush_timeout=20)"}  # of a machine that is busy with other tests
COMPLAINTS = ("Traceback", "does not see", "not delivered", "never left", "go on", "session", "Exception")


def _run_page():
    spec = importlib.util.spec_from_file_location("run_page", ROOT / "tests" / "docs" / "run_page.py")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


run_page = _run_page()


@pytest.fixture(scope="session", name="until")
def _until():
    return until


def until(found, what="what was waited for"):
    """Wait until something is true, and return it."""
    end = time.monotonic() + PATIENCE
    while not (value := found()):
        assert time.monotonic() < end, f"{what} did not happen"
        time.sleep(0.02)
    return value


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


# What arrives over OTLP ---------------------------------------------------------------------------------------------


@attrs.frozen
class Span:
    name: str
    trace_id: str
    id: str
    parent_id: str
    scope: str
    instance: str


class Sink:
    """A collector that keeps what arrives."""

    def __init__(self):
        self.spans = []
        self.counts = {}  # (instance, task): calls, as the last push of that process says
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                sink.keep(self.path, body)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments):
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def keep(self, path, body):
        if path == "/v1/traces":
            for each in ExportTraceServiceRequest.FromString(body).resource_spans:
                self.spans += _spans_of(each)
        elif path == "/v1/metrics":
            for each in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                self.counts.update(_counts_of(each))

    def parents(self, name):
        """The names of the parents of the spans of a name; "" for none that arrived."""
        names = {span.id: span.name for span in self.spans}
        return {names.get(span.parent_id, "") for span in self.spans if span.name == name}

    def tasks(self):
        """The spans of tasks, by name: how many."""
        return Counter(span.name for span in self.spans if span.scope == "pegboard")

    def calls(self):
        """The calls of each task, over all processes."""
        calls = Counter()
        for (_, name), count in self.counts.items():
            calls[name] += count
        return calls


def _attributes(pairs):
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


def _instance(resource):
    return _attributes(resource.attributes).get("service.instance.id", "")


def _spans_of(resource_spans):
    return [
        Span(
            span.name,
            span.trace_id.hex(),
            span.span_id.hex(),
            span.parent_span_id.hex(),
            scoped.scope.name,
            _instance(resource_spans.resource),
        )
        for scoped in resource_spans.scope_spans
        for span in scoped.spans
    ]


def _counts_of(resource_metrics):
    counts = {}
    for scoped in resource_metrics.scope_metrics:
        for metric in scoped.metrics:
            if metric.name == "pegboard.task.duration":
                for point in metric.histogram.data_points:
                    key = (
                        _instance(resource_metrics.resource),
                        _attributes(point.attributes)["pegboard.task.name"],
                    )
                    counts[key] = counts.get(key, 0) + point.count
    return counts


@pytest.fixture(scope="module")
def open_sink():
    """Make a collector, for as long as the module's tests run."""
    with contextlib.ExitStack() as stack:

        def make():
            sink = Sink()
            stack.callback(sink.close)
            return sink

        yield make


# Projects and their servers -----------------------------------------------------------------------------------------


def blocks_of(page):
    """The fenced blocks of a how-to page."""
    return list(run_page.blocks_of((PAGES / page).read_text(encoding="utf-8")))


@pytest.fixture(scope="session")
def page_blocks():
    return blocks_of


class Project:
    """The files that a page has its reader write, in a folder of their own.

    Args:
        page: Name of the how-to page.
        folder: Where to write them.
        change: What to replace in them.
    """

    def __init__(self, page, folder, change):
        blocks = blocks_of(page)
        self.folder = folder
        self._commands = [
            (line.removeprefix("$ "), block.serves)
            for block in blocks
            if block.language == "console"
            for line in block.text.splitlines()
        ]
        found = set()
        for block in blocks:
            if block.saved_as is not None:
                text = block.text
                for old, new in {**PATIENT, **change}.items():
                    found.update([old] if old in text else [])
                    text = text.replace(old, new)
                path = folder / block.saved_as
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
        assert found >= set(change), f"the page has nothing to change: {change}"

    def command(self, begin, *, serves=True):
        """The words of the command of the page that begins like this."""
        found = [line for line, does in self._commands if does == serves and begin in line]
        assert found, f"the page has no such command as {begin!r}"
        words = [word for word in shlex.split(found[0]) if not re.match(r"[A-Z_]+=", word)]
        programs = Path(sys.executable).parent
        return [str(programs / words[0]), *words[1:]]

    def change(self, name):
        """Write a file again, as an editor does, for servers that watch for it."""
        path = self.folder / name
        new = path.with_suffix(".new")
        new.write_bytes(path.read_bytes())
        new.rename(path)

    def lines(self):
        """The lines of JSON that were written."""
        path = self.folder / "calls.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def ends(self):
        """How many calls of each task ended how, as the lines of JSON say."""
        return Counter((line["task"], line["status"]) for line in self.lines())


@pytest.fixture(scope="module")
def write_project(tmp_path_factory):
    """Write the project of a page into a new folder."""
    return lambda page, change=None: Project(page, tmp_path_factory.mktemp("project"), change or {})


class Server:
    """A server that runs a project.

    Args:
        project: Whose folder is the current one.
        words: The command.
        sink: Where telemetry goes.
        port: Where it answers, if it does.
        environment: Variables beside those of the sink.
        log: Name of the file with what it prints.
    """

    def __init__(self, project, words, sink, port, environment, log):
        self.port = port
        self._log = project.folder / log
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "PEGBOARD_"))
        }
        environment = {
            **inherited,
            **environment,
            "OTEL_EXPORTER_OTLP_ENDPOINT": sink.url,
            "OTEL_SERVICE_NAME": "shop",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "PYTHONUNBUFFERED": "1",
            "HOME": str(project.folder),  # gunicorn keeps a socket there
        }
        with self._log.open("wb") as out:
            self.process = subprocess.Popen(
                words,
                cwd=project.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    @property
    def log(self):
        return self._log.read_text()

    def complaints(self):
        """The lines of the log in which we or Python complain."""
        return [line for line in self.log.splitlines() if any(words in line for words in COMPLAINTS)]

    def connect(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)

    def ask(self, path, **headers):
        """Ask for a path, and return the body of the answer."""
        connection = self.connect()
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            body = answer.read().decode()
        finally:
            connection.close()
        assert answer.status == 200, f"{path}: {answer.status}\n{body}\n{self.log}"
        return body

    def ask_patiently(self, path):
        """Ask again where a worker went away, as a client has to."""

        def answer():
            try:
                return self.ask(path)
            except (OSError, http.client.HTTPException):
                return None

        return until(answer, f"an answer to {path}")

    def is_there(self):
        assert self.process.poll() is None, self.log
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def scrape(self, path="/metrics"):
        """The calls of each task, as the page says."""
        families = text_string_to_metric_families(self.ask(path))
        samples = [sample for family in families for sample in family.samples]
        calls = Counter()
        for sample in samples:
            if sample.name == "pegboard_task_duration_seconds_count":
                calls[sample.labels["pegboard_task_name"]] += int(sample.value)
        return calls

    def end(self, number=signal.SIGTERM):
        """Send a signal, and return the status with which the server ends; None for a program that ends by itself."""
        if number is not None and self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the server does not end\n{self.log}") from None

    def kill(self):
        """End the server and what it has started: its group is its own."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(PATIENCE)


@pytest.fixture(scope="module")
def start(open_sink):
    """Start a server with a project, wait until it answers, and return it; `{port}` in the words is one that is free."""
    with contextlib.ExitStack() as stack:

        def start(project, words, sink=None, *, answers=True, environment=None, log="log"):
            port = free_port()
            words = [word.replace("{port}", str(port)) for word in words]
            server = Server(project, words, sink or open_sink(), port, environment or {}, log)
            stack.callback(server.kill)
            if answers:
                until(server.is_there, "the server's first answer")
            return server

        yield start
