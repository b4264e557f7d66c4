"""gunicorn, whose workers are forked from a process with a session, and end while it goes on."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from urllib.error import URLError
from urllib.request import urlopen

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not hasattr(os, "fork"), reason="gunicorn needs fork")]

APPLICATION = """
import atexit, os
from pegboard import JSONLines, Metrics, Prometheus, Session, task
from pegboard_prometheus import PushGateway, Textfile

@task
def answer():
    return str(os.getpid()).encode()

{session}
metrics = prometheus.wsgi_app()
answer()

def app(environ, start_response):
    if environ["PATH_INFO"].startswith("/metrics"):
        return metrics(environ, start_response)
    start_response("200 OK", [])
    return [answer()]

with open("url", "w") as file:
    file.write(prometheus.url)
"""
OWN = """
prometheus = Prometheus(0)
session = Session(
    Metrics(), prometheus, Textfile("app.prom"), PushGateway(os.environ["GATEWAY"], "app"), JSONLines("lines.jsonl"),
)
session.__enter__()
atexit.register(session.__exit__, None, None, None)
"""
DEFAULT = """
from pegboard.sessions.default import DEFAULT
prometheus = DEFAULT.get()[Prometheus]
"""
CONFIGURATION = """
plugins = ["metrics", "prometheus", "jsonlines"]
[settings.prometheus]
port = 0
[settings.jsonlines]
file = "lines.jsonl"
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get(url):
    with urlopen(url, timeout=20) as answer:
        return answer.status, answer.read().decode()


def get_patiently(url):
    """Ask again where a worker went away in between, as a client of gunicorn has to."""
    end = time.monotonic() + 30
    while True:
        try:
            return get(url)
        except (URLError, OSError):
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


@pytest.fixture(params=["own", "default"])
def seen(request, tmp_path):
    """What a server was asked for while its workers were replaced, and what it left."""
    (tmp_path / "served.py").write_text(
        APPLICATION.format(session=OWN if request.param == "own" else DEFAULT)
    )
    (tmp_path / "pegboard.toml").write_text("" if request.param == "own" else CONFIGURATION)
    with socket.create_server(("127.0.0.1", 0)) as gateway:  # nobody accepts before the end
        port = free_port()
        environment = os.environ | {"GATEWAY": f"127.0.0.1:{gateway.getsockname()[1]}"}
        words = ["--preload", "--max-requests", "3", "--workers", "2", "--bind", f"127.0.0.1:{port}"]
        with (tmp_path / "log").open("wb") as log:
            server = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", *words, "served:app"],
                cwd=tmp_path,
                env=environment,
                stdout=log,
                stderr=log,
            )
        try:
            workers = {get_patiently(f"http://127.0.0.1:{port}/")[1] for _ in range(20)}
            mounted = get_patiently(f"http://127.0.0.1:{port}/metrics")
            endpoint = get((tmp_path / "url").read_text())
            file_before = (tmp_path / "app.prom").exists()
            gateway.setblocking(False)
            try:
                gateway.accept()
                pushed_before = True
            except BlockingIOError:
                pushed_before = False
        finally:
            gateway.close()  # so that the push of the end fails at once
            server.send_signal(signal.SIGTERM)
            server.wait(30)
    lines = [json.loads(line) for line in (tmp_path / "lines.jsonl").read_text().splitlines()]
    return {
        "kind": request.param,
        "workers": workers,
        "mounted": mounted,
        "endpoint": endpoint,
        "before": (file_before, pushed_before),
        "file": (tmp_path / "app.prom").read_text() if (tmp_path / "app.prom").exists() else "",
        "lines": lines,
        "log": (tmp_path / "log").read_text(),
    }


def test_workers_that_end_end_nothing_of_the_server(seen):
    """While they come and go, the endpoint and the mounted app answer, and no file is written and nothing pushed."""
    assert len(seen["workers"]) > 3, seen["log"]
    assert seen["endpoint"][0] == seen["mounted"][0] == 200
    assert seen["before"] == (False, False)
    count = r'^pegboard_task_duration_seconds_count\{.*pegboard_task_name="answer".*\} (\S+)$'
    assert float(re.findall(count, seen["endpoint"][1], re.MULTILINE)[0]) <= 2  # the server's own alone
    if seen["kind"] == "own":
        assert 'pegboard_task_name="answer"' in seen["file"]  # written by the server, at its own end
    assert len({line["call_id"] for line in seen["lines"]}) == len(seen["lines"]) >= 21
    assert "Traceback" not in seen["log"]
