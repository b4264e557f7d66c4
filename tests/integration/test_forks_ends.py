"""A session that ends in another process than the one it began in: the child of a fork ends nothing of its parent's."""

from __future__ import annotations

import contextvars
import io
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pegboard import Console, JSONLines, Session, task

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks there")

WAYS = [
    "sys.exit",
    "leaves",
    "raises",
    "unregisters",
    "os._exit",
    "multiprocessing",
    "grandchild",
    "in a task",
]
PROGRAM = """
import json, multiprocessing, os, sys, urllib.request
from prometheus_client import CollectorRegistry
from pegboard import Console, JSONLines, Logs, Metrics, Progress, Prometheus, Session, task
from pegboard_prometheus import PushGateway, Textfile

home = os.getpid()
gateway, *ways = sys.argv[1:]

@task
def parents(): pass

@task
def childs(): pass

@task
def forks(session):
    return fork(session, "sys.exit")

def scrape(prometheus):
    with urllib.request.urlopen(prometheus.url, timeout=20) as answer:
        return answer.status

def pushes():
    with urllib.request.urlopen(f"http://{gateway}/count", timeout=20) as answer:
        return int(answer.read())

def fork(session, way):
    if way == "multiprocessing":
        process = multiprocessing.get_context("fork").Process(target=childs)
        process.start()
        process.join()
        return process.exitcode
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    childs()
    if way == "grandchild":
        if os.fork():
            os._exit(os.waitstatus_to_exitcode(os.wait()[1]))
        sys.exit()
    elif way == "sys.exit":
        sys.exit()
    elif way == "os._exit":
        os._exit(0)
    elif way == "raises":
        raise SystemExit(0)
    elif way == "unregisters":
        for name in list(session.plugins):
            session.unregister(name)
        os._exit(0)

def there(path):
    return open(path).read() if os.path.exists(path) else None

for way in ways:
    before = pushes()
    shown, bars = open(f"{way}.txt", "w"), open(f"{way}.bars", "w")
    prometheus = Prometheus(0)
    session = Session(
        Metrics(CollectorRegistry()), prometheus, Textfile(f"{way}.prom", every=3600), PushGateway(gateway, way),
        Console(shown, force=True), JSONLines(f"{way}.jsonl", attempts=True, groups=True), Progress(bars, after=0),
        Logs(),
        inherit=False, executor="inline",
    )
    with session:
        parents()
        ended = forks.map([session])[0] if way == "in a task" else fork(session, way)
        if os.getpid() == home:
            parents()
            during = dict(
                ended=ended, status=scrape(prometheus), file=there(f"{way}.prom"), pushes=pushes() - before,
                shown=there(f"{way}.txt"),
            )
    if os.getpid() != home:
        sys.exit()
    after = dict(
        file=there(f"{way}.prom"), pushes=pushes() - before, shown=there(f"{way}.txt"), lines=there(f"{way}.jsonl"),
        bars=there(f"{way}.bars"),
    )
    print(json.dumps(dict(way=way, during=during, after=after)), flush=True)
"""


class Gateway(BaseHTTPRequestHandler):
    """Counts what is asked of it, and tells how often that was."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(str(self.server.asked).encode())

    def do_POST(self):
        self.server.asked += 1
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(202)
        self.end_headers()

    def do_PUT(self):
        self.do_POST()

    def do_DELETE(self):
        self.do_POST()

    def log_message(self, *words):
        """Say nothing."""


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What was seen of each way in which a child ends: while the parent goes on, and after its session."""
    folder = tmp_path_factory.mktemp("ends")
    with ThreadingHTTPServer(("127.0.0.1", 0), Gateway) as server:
        server.asked = 0
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        done = subprocess.run(
            [
                *(sys.executable, "-W", "ignore:This process:DeprecationWarning", "-c", PROGRAM),
                *(f"127.0.0.1:{server.server_port}", *WAYS),
            ],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        server.shutdown()
    assert (done.returncode, done.stderr) == (0, "")
    return {each["way"]: each for each in map(json.loads, done.stdout.splitlines())}


@pytest.mark.parametrize("way", WAYS)
def test_the_parents_exporters_go_on_when_a_child_has_ended(told, way):
    """The endpoint answers; no file is written, nothing pushed, and no summary printed yet."""
    during = told[way]["during"]
    assert during["ended"] == 0
    assert (during["status"], during["file"], during["pushes"]) == (200, None, 0)
    assert "calls" not in during["shown"]


@pytest.mark.parametrize("way", WAYS)
def test_the_parent_writes_pushes_and_prints_once_and_of_its_own(told, way):
    """At its own end; what the child did is in none of it."""
    after = told[way]["after"]
    counts = [
        line
        for line in after["file"].splitlines()
        if "duration_seconds_count" in line and not line.endswith(" 0.0")
    ]
    assert sorted(line.rpartition(" ")[2] for line in counts) == ["1.0"] * (way == "in a task") + ["2.0"]
    assert "childs" not in after["file"]
    assert after["pushes"] == 1
    assert after["shown"].count("calls") == 1
    assert after["bars"].count("forks ") == (way == "in a task")
    assert after["shown"].partition("calls")[0].count("forks ") == 2 * (way == "in a task")  # of map and item


@pytest.mark.parametrize("way", WAYS)
def test_every_call_attempt_and_group_has_one_whole_line(told, way):
    """Those of parent and child, none torn and none twice, though the child was forked in the middle of one."""
    lines = [json.loads(line) for line in told[way]["after"]["lines"].splitlines()]
    calls = ["childs", *["forks"] * (way == "in a task"), "parents", "parents"]
    groups = ["forks"] * (way == "in a task")
    found = {
        event: sorted(line.get("task") or line["name"] for line in lines if line["event"] == event)
        for event in ("call", "attempt", "group")
    }
    assert found == {"call": calls, "attempt": calls, "group": groups}
    assert len({line["call_id"] for line in lines if line["event"] == "call"}) == len(calls)


class SlowStream(io.TextIOWrapper):
    """A stream to a file, whose text stays in its buffer for a while."""

    def __init__(self, file):
        super().__init__(file, encoding="utf-8")
        self.written, self.release = threading.Event(), threading.Event()

    def flush(self):
        if threading.current_thread() is not threading.main_thread():
            self.written.set()
            assert self.release.wait(30)
        super().flush()


@pytest.mark.parametrize(
    "exporter",
    [lambda stream: Console(stream, force=True, summary=False), JSONLines],
    ids=["console", "jsonlines"],
)
def test_a_child_that_is_forked_while_something_is_written_does_not_write_it_again(tmp_path, exporter):
    """A fork waits for it; else both processes would have the text in their buffers."""

    @task
    def leaf():
        pass

    with (tmp_path / "out").open("wb") as file, SlowStream(file) as stream:
        with Session(exporter(stream), inherit=False):
            writer = threading.Thread(target=contextvars.copy_context().run, args=(leaf,))
            writer.start()
            assert stream.written.wait(30)
            threading.Timer(0.05, stream.release.set).start()  # while the fork waits
            child = os.fork()
            if child == 0:
                try:
                    stream.flush()
                finally:
                    os._exit(0)
            os.waitpid(child, 0)
            writer.join()
        assert len((tmp_path / "out").read_text().splitlines()) == 1
