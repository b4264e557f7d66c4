"""SIGTERM in the middle of work, in programs and under servers: nothing is lost of what had ended by then."""

from __future__ import annotations

import http.client
import json
import random
import re
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

PATIENCE = 30

PARTS = """
import os, sys, threading, time
from pegboard import JSONLines, Metrics, OTLP, Session, Tracing, install_sigterm, task
from pegboard import Console, Prometheus
from pegboard_prometheus import Textfile

def say(text):
    os.write(2, (text + "\\n").encode())

@task
def work(number):
    time.sleep(0.02)
    return number

def session(*more):
    return Session(
        Metrics(), Tracing(), Textfile("job.prom"), JSONLines("job.jsonl"), Console(sys.stdout, force=True),
        OTLP(os.environ["COLLECTOR"], flush_timeout=20), *more,
    )
"""


class Collector:
    """Keeps the names of the spans that arrive."""

    def __init__(self) -> None:
        self.names: list[str] = []
        kept = self.names

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.path == "/v1/traces":
                    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                        kept.extend(span.name for scope in resource.scope_spans for span in scope.spans)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,)).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def collector() -> Iterator[Collector]:
    with closing(Collector()) as collector:
        yield collector


class Program:
    """A program in a folder of its own, and what it leaves there."""

    def __init__(self, folder: Path, collector: Collector, command: list[str]) -> None:
        self.folder = folder
        self._collector = collector
        environment = {"COLLECTOR": collector.url, "PATH": "/usr/bin:/bin", "PYTHONUNBUFFERED": "1"}
        self._out = (folder / "out").open("wb")
        self.process = subprocess.Popen(
            [sys.executable, *command],
            cwd=folder,
            env=environment,
            stdout=self._out,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.said: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        self.said.extend(line.rstrip("\n") for line in self.process.stderr)

    def until(self, found: Callable[[], Any], what: str) -> Any:
        end = time.monotonic() + PATIENCE
        while not (value := found()):
            assert time.monotonic() < end, f"{what} did not happen: {self.said}"
            assert self.process.poll() is None, f"it ended before {what}: {self.said}"
            time.sleep(0.01)
        return value

    def says(self, text: str) -> None:
        self.until(lambda: any(text in line for line in self.said), f"{text!r}")

    def terminate(self) -> int:
        """Send SIGTERM, and return the status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join()
        self._out.close()
        assert self.process.stderr is not None
        self.process.stderr.close()

    def check(self, at_least: int) -> None:
        """Hold that lines, textfile, summary and collector have the same calls, and those that were known to have ended."""
        self._reader.join()
        lines = [json.loads(line) for line in (self.folder / "job.jsonl").read_text().splitlines()]
        counted = re.findall(r"_duration_seconds_count{.*} (\d+)", (self.folder / "job.prom").read_text())
        summary = re.findall(r"^  work +(\d+) +(\d+)", (self.folder / "out").read_text(), re.MULTILINE)
        calls = sum(line["event"] == "call" for line in lines)
        ended_well = sum(line["event"] == "call" and line["status"] == "ok" for line in lines)
        assert (sum(map(int, counted)), len(self._collector.names)) == (calls, calls)
        assert summary == [(str(calls), str(ended_well))]
        assert ended_well >= at_least
        assert not [line for line in self.said if "Traceback" in line or "never left" in line]


@pytest.fixture
def run(tmp_path: Path, collector: Collector) -> Iterator[Callable[..., Program]]:
    begun: list[Program] = []

    def run(program: str, *command: str) -> Program:
        source = textwrap.dedent(program)
        (tmp_path / "app.py").write_text(source if PARTS in source else PARTS + source)
        begun.append(Program(tmp_path, collector, list(command) or ["app.py"]))
        return begun[-1]

    yield run
    for program in begun:
        program.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Clients:
    """Ask a server for as long as it answers, and keep what it answered."""

    def __init__(self, port: int, number: int = 4) -> None:
        self._port = port
        self.statuses: list[int] = []
        self.cut: list[str] = []
        self._threads = [threading.Thread(target=self._ask) for _ in range(number)]
        for thread in self._threads:
            thread.start()

    def _ask(self) -> None:
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
            try:
                connection.connect()
            except OSError:  # it listens no more
                return
            with closing(connection):
                try:
                    connection.request("GET", "/")
                    self.statuses.append(connection.getresponse().status)
                except (
                    OSError,
                    http.client.HTTPException,
                ) as error:  # taken by the system, and by no server any more
                    self.cut.append(type(error).__name__)
                    return

    def join(self) -> None:
        for thread in self._threads:
            thread.join(PATIENCE)


def serve(program: Program, port: int) -> int:
    """Ask a server from several sides, end it in the middle of that, and return its status."""

    def answers() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    program.until(answers, "listening")
    clients = Clients(port)
    program.until(lambda: len(clients.statuses) > 20, "the first answers")
    status = program.terminate()
    clients.join()
    assert set(clients.statuses) == {200}
    program.check(len(clients.statuses))
    return status


# The five rows ------------------------------------------------------------------------------------------------------


def test_a_job(run: Callable[..., Program]) -> None:
    """It is left at once, and its session ends."""
    program = run(
        """
        install_sigterm()
        with session():
            for number in range(5): work(number)
            say("ready")
            for number in range(10_000): work(number)
        """
    )
    program.says("ready")
    assert program.terminate() == 143
    program.check(5)


def test_a_program_whose_threads_have_the_session(run: Callable[..., Program]) -> None:
    """They have time to end by themselves, and see that it drains."""
    program = run(
        """
        install_sigterm()
        def serve():
            with session() as mine:
                for number in range(5): work(number)
                say("ready")
                while not mine.is_draining: work(number)
        threading.Thread(target=serve).start()
        time.sleep(60)
        """
    )
    program.says("ready")
    assert program.terminate() == 143
    program.check(5)


def test_a_program_whose_threads_leave_no_session(run: Callable[..., Program]) -> None:
    """It is ended for them when the time is nearly over."""
    program = run(
        """
        install_sigterm(grace=3)
        def serve():
            with session():
                for number in range(5): work(number)
                say("ready")
                time.sleep(60)
        threading.Thread(target=serve, daemon=True).start()
        time.sleep(60)
        """
    )
    program.says("ready")
    assert program.terminate() == 143
    program.check(5)


ASGI = """
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        async with lifespan():
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    await asyncio.to_thread(work, 1)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})
"""
IN_LIFESPAN = """
import asyncio
from contextlib import asynccontextmanager
@asynccontextmanager
async def lifespan():
    install_sigterm()
    async with session().install():
        yield
"""
AT_IMPORT = """
import asyncio
from contextlib import asynccontextmanager
install_sigterm()
session().install()
@asynccontextmanager
async def lifespan():
    yield
"""


IN_BOTH = """
import asyncio
from contextlib import asynccontextmanager
session().install()
@asynccontextmanager
async def lifespan():
    install_sigterm()
    yield
"""


@pytest.mark.parametrize(
    "where", [IN_LIFESPAN, AT_IMPORT, IN_BOTH], ids=["in its lifespan", "at import", "in both"]
)
def test_uvicorn(run: Callable[..., Program], where: str) -> None:
    """Requests in flight are answered, and the session ends, wherever it began; then the signal does what it did before."""
    port = free_port()
    program = run(where + ASGI, "-m", "uvicorn", "app:app", "--port", str(port), "--log-level", "warning")
    assert serve(program, port) == (143 if where == AT_IMPORT else -signal.SIGTERM)


def test_uvicorn_in_a_loop_of_ones_own(run: Callable[..., Program]) -> None:
    """Once it is done, the program is left as it is without a server."""
    port = free_port()
    program = run(
        IN_LIFESPAN
        + ASGI
        + f"""
async def main():
    import uvicorn
    await uvicorn.Server(uvicorn.Config(app, port={port}, log_level="warning")).serve()

if __name__ == "__main__":
    install_sigterm()
    asyncio.run(main())
"""
    )
    assert serve(program, port) == 143


def test_the_endpoint_says_that_it_drains_while_uvicorn_answers(run: Callable[..., Program]) -> None:
    """So that no more requests are sent here; that which was being answered is."""
    port, health = free_port(), free_port()
    program = run(
        IN_LIFESPAN.replace("session()", f"session(Prometheus({health}))")
        + ASGI.replace("await asyncio.to_thread(work, 1)", "await asyncio.to_thread(slow, 1)")
        + """
@task
def slow(number):
    say("begun")
    time.sleep(1.0)
""",
        *("-m", "uvicorn", "app:app", "--port", str(port), "--log-level", "warning"),
    )

    def ready() -> int:
        with closing(http.client.HTTPConnection("127.0.0.1", health, timeout=PATIENCE)) as connection:
            try:
                connection.request("GET", "/readyz")
                return connection.getresponse().status
            except OSError:
                return 0

    program.until(lambda: ready() == 200, "being ready")
    clients = Clients(port, 1)
    program.says("begun")
    program.process.send_signal(signal.SIGTERM)
    program.until(lambda: ready() == 503, "draining")
    clients.join()
    assert set(clients.statuses) == {200}


WSGI = """
def app(environ, start_response):
    work(1)
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]

install_sigterm()
session().install()
"""


@pytest.mark.parametrize(
    "workers", [["sync"], ["gthread", "--threads", "4"]], ids=["sync workers", "gthread workers"]
)
def test_gunicorn(run: Callable[..., Program], workers: list[str]) -> None:
    """Requests in flight are answered, and the session that a worker installed ends with it."""
    port = free_port()
    command = ["-m", "gunicorn", "app:app", "--bind", f"127.0.0.1:{port}", "--log-level", "warning"]
    program = run(WSGI, *command, "--worker-class", *workers)
    assert serve(program, port) == 0


# Random moments -----------------------------------------------------------------------------------------------------

MOMENTS = """
import os
def say(text):
    os.write(2, (text + "\\n").encode())
from pegboard import install_sigterm
install_sigterm()
say("armed")
"""
SYNC = """
say("imported")
for inner in (False, True):
    with session() as outer:
        for number in range(4):
            work(number); say("ended")
        work.map(range(4)); say("ended " * 4)
say("done")
"""
ASYNC = """
import asyncio
@task
async def awork(number):
    await asyncio.sleep(0.02)
async def main():
    async with session():
        for number in range(4):
            await awork(number); say("ended")
        await asyncio.gather(*(awork(n) for n in range(4))); say("ended " * 4)
say("imported")
asyncio.run(main())
say("done")
"""
INSTALLED = """
say("imported")
installed = session().install()
threads = [threading.Thread(target=lambda: (work(1), say("ended"))) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
installed.uninstall()
say("done")
"""


def strike(run: Callable[..., Program], folder: Path, body: str, after: float) -> None:
    """Send SIGTERM so long after a program is armed, and hold that its end is a documented one, and nothing is lost."""
    program = run(MOMENTS + PARTS + textwrap.dedent(body))
    program.says("armed")
    time.sleep(after)
    status = program.terminate() if program.process.poll() is None else program.process.returncode
    program.close()
    said = "\n".join(program.said)
    assert status == 143 or (status in (0, -signal.SIGTERM) and "done" in said), said
    assert not [text for text in ("Traceback", "never left", "not delivered") if text in said], said
    lines = folder / "job.jsonl"
    kept = [json.loads(line) for line in lines.read_text().splitlines()] if lines.exists() else []
    # A thread that the program was about to start is not waited for: its call counts as cancelled, or begins as the session has ended.
    late = 1 if body is INSTALLED else 0
    statuses = [line["status"] for line in kept if line["event"] == "call"]
    assert len(statuses) >= said.count("ended") - late, statuses
    lines.unlink(missing_ok=True)


BODIES = {"sync": SYNC, "async": ASYNC, "installed": INSTALLED}


@pytest.mark.parametrize("kind", list(BODIES))
def test_at_some_moments(run: Callable[..., Program], tmp_path: Path, kind: str) -> None:
    """Of the imports, of the start, of the work and of the end."""
    strike(run, tmp_path, BODIES[kind], random.Random(kind).uniform(0.3, 1.2))


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(BODIES))
def test_at_many_moments(run: Callable[..., Program], tmp_path: Path, kind: str) -> None:
    """The same, more often."""
    chance = random.Random(kind)
    for _ in range(20):
        strike(run, tmp_path, BODIES[kind], chance.uniform(0.0, 1.6))
