"""A fork inside a session."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = """
import os, sys
from pegboard import Layer, Order, Session, hookimpl, task

class Limiting:
    name = "limiting"
    @hookimpl
    def bind(self, task):
        if task.name != "limited":
            return None
        async def run(call, proceed):
            async with call.timeout(5):
                return await proceed(call)
        return Layer("limiting", Order.TIMEOUT, run)

@task
def double(x):
    return 2 * x

@task(name="limited")
def limited(x):
    return 2 * x

with Session(Limiting()):
    assert double.map(range(20)) == [2 * i for i in range(20)]
    assert double.submit(1).result(5) == limited(1) == 2
    pid = os.fork()
    assert double.map(range(20)) == [2 * i for i in range(20)]
    assert double.submit(2).result(5) == limited(2) == 4
if pid:
    _, status = os.waitpid(pid, 0)
    print("child", os.waitstatus_to_exitcode(status))
"""


def test_tasks_run_on_both_sides_of_a_fork_and_both_end() -> None:
    """Parent and child of a fork inside a session run tasks, maps and limits, and both exit in time."""
    assert hasattr(os, "fork")
    done = subprocess.run(
        [sys.executable, "-W", "ignore:This process:DeprecationWarning", "-c", PROGRAM],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("child 0\n", "", 0)


LEAVING = """
import os, sys, threading
from pegboard import Session, hookimpl, task

released = threading.Event()
told = []

class Observing:
    name = "observing"
    @hookimpl
    def after_execute(self, call, outcome):
        told.append((call.task.name, outcome.status))

@task
def waits():
    released.wait(30)

@task
def rows():
    yield 1
    yield 2

def begin():
    waits.submit()
    stream = rows()
    next(stream)
    child = os.fork()
    if child == 0 and how == "sys.exit":
        import atexit
        atexit.register(lambda: print(told, flush=True))
        sys.exit()
    return child, stream

how = sys.argv[1]
with Session(Observing()):
    child, stream = begin()
    if child:
        print("child", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
        released.set()
        stream.close()
if child == 0:
    del stream
    print(told, flush=True)
    os._exit(0)
"""


@pytest.mark.parametrize("how", ["sys.exit", "leaves"])
def test_a_child_waits_for_nothing_of_its_parent_and_ends_nothing_of_it(how: str) -> None:
    """Neither for what was submitted before the fork, nor does it tell of streams that are the parent's."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore:This process:DeprecationWarning", "-c", LEAVING, how],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.stdout, done.stderr, done.returncode) == ("[]\nchild 0\n", "", 0)
