"""A child of a program whose plugins are all at work in many threads."""

from __future__ import annotations

import os
import subprocess
import sys

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
