"""A child of a program whose plugins are all at work in many threads."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")]

PROGRAM = """
import logging, os, signal, sys, tempfile, threading
from prometheus_client import CollectorRegistry
from pegboard import (
    Breaker, Cache, Caching, Concurrency, Deadline, Fallback, JSONLines, Limits, Logs, Metrics, NeedsSecrets,
    RateLimit, Resources, Retry, Retrying, Secrets, Session, Timeout, Tracing, task,
)
from pegboard_schedule import Every, Scheduling

folder = tempfile.mkdtemp()
os.environ["TOKEN"] = "a-value-of-some-length"
stop = False
numbers = iter(range(10**9))

@task(Retry(1), Cache(), Timeout(20), Concurrency(8), RateLimit("100000/s"), Breaker(5), Fallback(0))
def everything(n):
    return n

@task(NeedsSecrets("TOKEN"), Cache(store=folder + "/files"), Deadline(20))
def stored(n, *, secrets):
    return n

@task
def fails(n):
    raise LookupError(n)

@task
def stream(n):
    yield from range(n)

def work(session):
    with session:
        n = next(numbers)
        assert everything(n) == n and everything(n % 5) == n % 5
        assert stored(n % 50) == n % 50
        fails.run(n)
        assert list(stream(3)) == [0, 1, 2]
        assert everything.map(range(n, n + 4)) == list(range(n, n + 4))
        assert everything.submit(n).result(10) == n

def plugins():
    return [
        Metrics(CollectorRegistry()), Caching(), Limits(), Logs(), JSONLines(folder + "/lines"),
        Retrying(), Secrets(), Resources(), Tracing(), Scheduling(path=folder + "/runs"),
    ]

def load(session):
    while not stop:
        work(session)

def child(session):
    signal.alarm(30)
    for _ in range(3):
        work(session)
    schedule = session[Scheduling]
    schedule.add(everything, Every(0.001), args=(1,), id="mine")
    schedule.run_pending()
    with Session(*plugins(), inherit=False) as own:
        work(own)
    os._exit(0)

logging.disable(logging.CRITICAL)
with Session(*plugins(), inherit=False) as session:
    session[Scheduling].add(everything, Every(0.002), args=(7,), id="often")
    session[Scheduling].start()
    work(session)
    threads = [threading.Thread(target=load, args=(session,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    ends = []
    for _ in range(40):
        pid = os.fork()
        if pid == 0:
            try:
                child(session)
            except BaseException:
                import traceback
                os.write(1, traceback.format_exc().encode())
                os._exit(1)
        ends.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    stop = True
    for thread in threads:
        thread.join()
print([end for end in ends if end])
"""


@pytest.mark.timeout(300)
def test_forty_children_of_a_program_with_all_its_plugins_at_work_all_end():
    """Every lock that a thread holds at that moment is free in the child."""
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=280)
    assert (done.stdout, done.stderr[-3_000:]) == ("[]\n", "")


INSTALLED = """
import io, logging, os, random, signal, sys, tempfile, threading
from prometheus_client import CollectorRegistry
from pegboard import (
    Breaker, Cache, Caching, Concurrency, Console, Deadline, Fallback, JSONLines, Limits, Logs, Metrics, NeedsSecrets, OTLP,
    Progress, Prometheus, RateLimit, Resources, Retry, Retrying, Secrets, Session, Timeout, Tracing, task,
)
from pegboard_prometheus import Textfile
from pegboard_queue import TaskManager
from pegboard_schedule import Every, Scheduling

folder = tempfile.mkdtemp()
os.environ["TOKEN"] = "a-value-of-some-length"
stop = False
numbers = iter(range(10**9))

@task(Retry(1), Cache(), Timeout(20), Concurrency(8), RateLimit("100000/s"), Breaker(5), Fallback(0))
def everything(n):
    return n

@task(NeedsSecrets("TOKEN"), Cache(store=folder + "/files"), Deadline(20))
def stored(n, *, secrets):
    return n

@task
def fails(n):
    raise LookupError(n)

@task
def stream(n):
    yield from range(n)

def work():
    n = next(numbers)
    assert everything(n) == n and everything(n % 5) == n % 5
    assert stored(n % 50) == n % 50
    fails.run(n)
    assert list(stream(3)) == [0, 1, 2]
    assert everything.map(range(n, n + 4)) == list(range(n, n + 4))
    assert everything.submit(n).result(10) == n
    assert manager.wait(manager.submit(everything, (n,))) == n

def load():
    while not stop:
        work()

def child():
    signal.alarm(40)
    assert session[Metrics].stats(everything).calls == 0
    for _ in range(3):
        work()
    assert session[Metrics].stats(everything).calls >= 21
    assert session[Metrics].stats(everything).active == 0
    session.uninstall()
    os._exit(0)

logging.disable(logging.CRITICAL)
session = Session(
    Metrics(CollectorRegistry()), Caching(), Limits(), Logs(), JSONLines(folder + "/lines"), Retrying(), Secrets(), Resources(),
    Tracing(), OTLP(sys.argv[1], logs=True, flush_timeout=5), Prometheus(0), Textfile(folder + "/file.prom", every=1),
    Console(io.StringIO(), force=True), Progress(io.StringIO()), Scheduling(path=folder + "/runs"),
).install()
session[Scheduling].add(everything, Every(0.002), args=(7,), id="often")
session[Scheduling].start()
manager = TaskManager(workers=2)
work()
threads = [threading.Thread(target=load) for _ in range(4)]
for thread in threads:
    thread.start()
ends = []
for _ in range(30):
    pid = os.fork()
    if pid == 0:
        try:
            child()
        except BaseException:
            import traceback
            os.write(1, traceback.format_exc().encode())
            os._exit(1)
    ends.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
stop = True
for thread in threads:
    thread.join()
session.uninstall()
print([end for end in ends if end])
"""


class Collector(BaseHTTPRequestHandler):
    """Takes whatever comes."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *words):
        """Say nothing."""


@pytest.mark.timeout(300)
def test_thirty_children_of_an_installed_session_all_begin_and_end():
    """With all that has to begin anew there, whatever threads of the parent are in the middle of."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        command = [sys.executable, "-W", "ignore", "-c", INSTALLED, f"http://127.0.0.1:{server.server_port}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=280)
        server.shutdown()
    assert (done.stdout, done.stderr[-3_000:]) == ("[]\n", "")
