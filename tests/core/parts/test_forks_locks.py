"""Locks are whole in a child of a threaded program."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import textwrap
import threading

import pytest

from pegboard.parts import forks, new_held_rlock, new_lock, new_rlock

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def run(program, timeout=60):
    """Run a program that forks, which Python warns of from 3.12 on; its children may not outlive it by much."""
    command = [
        sys.executable,
        "-W",
        "error",
        "-W",
        "ignore:This process:DeprecationWarning",
        "-c",
        textwrap.dedent(program),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=timeout)
    assert (done.stderr, done.returncode) == ("", 0)
    return done.stdout


@pytest.fixture
def held():
    """Return a function that has another thread take a lock, and keep it until the end of the test."""
    free, threads = threading.Event(), []

    def hold(lock):
        taken = threading.Event()

        def keep():
            with lock:
                taken.set()
                free.wait(60)

        threads.append(threading.Thread(target=keep))
        threads[-1].start()
        assert taken.wait(10)

    yield hold
    free.set()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize("make", [new_lock, new_rlock, new_held_rlock])
def test_a_lock_of_a_thread_that_did_not_come_along_is_free(make, held, forked, monkeypatch):
    """And works as ever; in the parent it is taken as before."""
    monkeypatch.setattr(forks, "_PATIENCE", 0.05)
    lock = make()
    held(lock)

    def child():
        with lock:
            return "free"

    assert forked(child) == "free"
    assert not lock.acquire(blocking=False)


@pytest.mark.parametrize("make", [new_rlock, new_held_rlock])
def test_a_lock_of_the_thread_that_forks_is_its_own_in_the_child(make, forked):
    """It can be taken again, and let go as often as it was taken."""
    lock = make()
    with lock:
        assert (
            forked(lambda: [lock.acquire(blocking=False), lock.release(), lock.release()])
            == "[True, None, None]"
        )
    assert lock.acquire(blocking=False)
    lock.release()


def test_a_held_lock_keeps_a_fork_from_what_it_guards(forked):
    """The fork waits until the other thread is out."""
    lock, inside = new_held_rlock(), []
    begun = threading.Event()

    def other():
        with lock:
            inside.append(1)
            begun.set()
            threading.Event().wait(0.2)
            inside.clear()

    thread = threading.Thread(target=other)
    thread.start()
    assert begun.wait(10)
    assert forked(lambda: inside) == "[]"
    thread.join()


@pytest.mark.parametrize("patience", [2.0, 0.01], ids=["in time", "too late"])
def test_an_import_of_another_thread_costs_a_child_nothing(forked, tmp_path, monkeypatch, patience):
    """The fork waits for it; what is not over by then the child begins anew, as it would wait for ever for that thread."""
    monkeypatch.setattr(forks, "_PATIENCE", patience)
    (tmp_path / "slow_to_import.py").write_text("import time\ntime.sleep(0.2)\nvalue = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    def other():
        import slow_to_import  # noqa: F401

    def child():
        import slow_to_import

        return slow_to_import.value

    thread = threading.Thread(target=other)
    thread.start()
    while "slow_to_import" not in sys.modules:
        pass
    try:
        assert forked(child) == "1"
    finally:
        thread.join()
        del sys.modules["slow_to_import"]


def test_nobody_keeps_a_lock_alive():
    """What is noted of it goes with it."""
    before = len(forks._locks), len(forks._held)
    locks = [new_lock(), new_rlock(), new_held_rlock()]
    assert (len(forks._locks), len(forks._held)) == (before[0] + 3, before[1] + 1)
    locks.clear()
    gc.collect()
    assert len(forks._locks) <= before[0]


LOAD = """
import os, signal, sys, threading
from pegboard import Session, Threads, hookimpl, task, current_call
from pegboard.testing import Recorder

class Binds:
    name = "binds"
    @hookimpl
    def bind(self, session, task):
        return None

def fresh():
    @task
    def made(x):
        return x + 1
    return made

stop = False

def load():
    while not stop:
        with Session(Binds(), Recorder(), quiet=True):
            fresh()(1)
            fresh().map(range(4))
            fresh().submit(1).result()
        fresh()(1)

def child():
    signal.alarm(20)
    with Session(Binds(), Recorder(), quiet=True) as session:
        assert fresh().map(range(4)) == [1, 2, 3, 4]
        assert fresh().submit(1).result(10) == 2
    assert SHARED(1) == 2 and fresh()(1) == 2
    os._exit(0)

SHARED = fresh()
with Session(Binds(), Recorder(), quiet=True) as outer:
    def inside():
        while not stop:
            with outer:
                fresh()(1)
                SHARED.map(range(3))
    threads = [threading.Thread(target=each) for each in (load, load, inside, inside)]
    for thread in threads:
        thread.start()
    ends = []
    for _ in range(40):
        pid = os.fork()
        if pid == 0:
            child()
        ends.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    stop = True
    for thread in threads:
        thread.join()
print(ends == [0] * 40, [end for end in ends if end])
"""


@pytest.mark.slow
def test_forty_children_of_a_program_at_work_all_end():
    """Sessions, plans, maps, pools and the default session, each in the middle of something."""
    assert run(LOAD, timeout=100) == "True []\n"


BINDING = """
import os, threading
from pegboard import Session, hookimpl, task
begun, free = threading.Event(), threading.Event()

class SlowBind:
    name = "slow-bind"
    @hookimpl
    def bind(self, session, task):
        if threading.current_thread() is not threading.main_thread():
            begun.set()
            free.wait(20)

@task
def a():
    return 1

@task
def b():
    return 2

def other():
    with session:
        a()

with Session(SlowBind()) as session:
    thread = threading.Thread(target=other)
    thread.start()
    assert begun.wait(10)
    pid = os.fork()
    if pid == 0:
        print(b(), a(), flush=True)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    free.set()
    thread.join()
"""


def test_a_child_of_a_program_that_makes_a_plan_can_make_plans():
    """Of the same session, also of the task whose plan was under way."""
    assert run(BINDING) == "2 1\n0\n"
