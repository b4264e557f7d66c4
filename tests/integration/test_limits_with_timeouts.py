"""Slots of calls whose functions go on after a time limit."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from pegboard import Retry, Session, TaskTimeout, Timeout, task
from pegboard_limits import Concurrency, LimitExceeded, Limits


class Body:
    """A function's body that goes on until it is told to end."""

    def __init__(self):
        self.ended = threading.Event()
        self.end = threading.Event()

    def run(self):
        assert self.end.wait(20)


@pytest.fixture
def body():
    """One that ends with the test at the latest."""
    made = Body()
    yield made
    made.end.set()


def test_a_slot_is_free_when_the_body_ends(body):
    """Not when the wait for it does: never more than n functions run at once."""

    @task(Concurrency(1, "one", max_wait=0), Timeout(0.02))
    def slow():
        body.run()

    @task(Concurrency(1, "one", max_wait=0))
    def refused():
        return 1

    @task(Concurrency(1, "one", max_wait=10))
    def waits():
        return 1

    with Session(Limits()):
        with pytest.raises(TaskTimeout):
            slow()
        with pytest.raises(LimitExceeded):
            refused()
        body.end.set()
        assert waits() == 1


def test_a_waiting_call_has_the_slot_as_soon_as_the_body_ends(body):
    """The end of the body wakes it."""

    @task(Concurrency(1, "one"), Timeout(0.02))
    def slow():
        body.run()

    @task(Concurrency(1, "one", max_wait=10))
    def waits():
        return 1

    with Session(Limits()):
        with pytest.raises(TaskTimeout):
            slow()
        waiting = waits.submit()
        assert not waiting.done()
        body.end.set()
        assert waiting.result(10) == 1


def test_until_the_call_ends_by_an_option(body):
    """`until="call"` gives the slot back when the wait ends."""

    @task(Concurrency(1, max_wait=0, until="call"), Timeout(0.02))
    def slow(*, wait):
        if wait:
            body.run()
        return 1

    with Session(Limits()):
        with pytest.raises(TaskTimeout):
            slow(wait=True)
        assert slow(wait=False) == 1


def test_calls_of_a_body_that_goes_on_use_its_slot(body):
    """What it calls is inside it, and does not wait for the slot that it has itself."""
    told = []
    done = threading.Event()

    @task(Concurrency(1, "one", max_wait=0))
    def inner():
        return 1

    @task(Concurrency(1, "one", max_wait=0), Timeout(0.02))
    def slow():
        body.run()
        try:
            told.append(inner())
        except Exception as error:  # noqa: BLE001 - its own limit has passed, which is what says so
            told.append(type(error))
        done.set()

    with Session(Limits()):
        with pytest.raises(TaskTimeout):
            slow()
        body.end.set()
        assert done.wait(10)
    assert told == [TaskTimeout]


def test_attempts_of_one_call_share_its_slot(body):
    """A retry does not wait for the body of the attempt before; `Retry(overlap=False)` does."""
    runs = []

    @task(Concurrency(1), Retry(1), Timeout(0.05))
    def slow():
        runs.append(1)
        if len(runs) == 1:
            body.run()
        return "second"

    with Session(Limits()):
        assert slow() == "second"


STORM = """
import signal, threading, time
from contextvars import copy_context
from pegboard import Session, Timeout, task
from pegboard_limits import Concurrency, Limits

armed = over = False

def strike(*_):
    if armed:
        raise KeyboardInterrupt

@task(Concurrency(1, max_wait=20), Timeout(30))
def work():
    return 1

def other():
    while not over:
        work()

signal.signal(signal.SIGALRM, strike)
struck, end = 0, time.monotonic() + 4
with Session(Limits()):
    thread = threading.Thread(target=copy_context().run, args=(other,))
    thread.start()
    while time.monotonic() < end:
        try:
            try:
                armed = True
                signal.setitimer(signal.ITIMER_REAL, 0.0001 + 0.00001 * (struck % 97), 0.00011)
                while True:
                    work()
            finally:
                armed = False
        except KeyboardInterrupt:
            struck += 1
        armed = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        work()
    over = True
    thread.join()
print("struck", struck > 100)
"""


@pytest.mark.slow
def test_storms_of_interrupts_lose_no_slot_of_a_body():
    """Interrupts that come faster than a call can end lose no slot, also where the function is in a thread of its own."""
    program = [sys.executable, "-W", "ignore", "-c", STORM]
    done = subprocess.run(program, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "struck True\n"), done.stderr[-2000:]
