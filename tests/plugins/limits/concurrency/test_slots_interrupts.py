"""An interrupt loses no slot, wherever it strikes."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from pegboard import Session, task
from pegboard_limits import Concurrency, Limits


def test_an_interrupt_anywhere_in_a_call_loses_no_slot(interrupted_everywhere):
    """The next call has the slot, at whatever moment the one before was interrupted."""

    @task(Concurrency(1, max_wait=0))
    def work():
        return 1

    with Session(Limits()):
        work()
        moments = interrupted_everywhere(work, work)
    assert moments > 10


def test_an_interrupt_anywhere_in_a_call_inside_another_loses_no_slot(interrupted_everywhere):
    """The same for a slot that a call inside uses."""

    @task(Concurrency(1, "shared", max_wait=0))
    def inner():
        return 1

    @task(Concurrency(1, "shared", max_wait=0))
    def outer():
        return inner()

    with Session(Limits()):
        outer()
        moments = interrupted_everywhere(outer, outer)
    assert moments > 20


# From Python 3.12 on, a step that an interrupt kept from being taken warns when it is collected.
@pytest.mark.filterwarnings("ignore:coroutine method 'asend'")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_anywhere_in_a_stream_loses_no_slot(interrupted_everywhere):
    """The same for a stream."""

    @task(Concurrency(1, max_wait=0))
    def numbers():
        yield 1
        yield 2

    with Session(Limits()):
        moments = interrupted_everywhere(lambda: list(numbers()), lambda: list(numbers()))
    assert moments > 20


def test_a_call_left_in_a_closed_loop_has_no_slot():
    """A coroutine that an interrupt left suspended in an event loop is over once that is closed."""
    kept = []

    @task(Concurrency(1, max_wait=0))
    async def waits():
        await asyncio.sleep(60)

    @task(Concurrency(1, "other"))
    async def quick():
        return 1

    with Session(Limits()):
        loop = asyncio.new_event_loop()
        kept.append(loop.create_task(waits()))
        loop.run_until_complete(asyncio.sleep(0.01))
        loop.close()
        with pytest.raises(TimeoutError):
            asyncio.run(asyncio.wait_for(waits(), 0.05))  # it got the slot, and waited


STORM = """
import signal, threading, time
from contextvars import copy_context
from pegboard import Session, task
from pegboard_limits import Concurrency, Limits

armed = over = False

def strike(*_):
    if armed:
        raise KeyboardInterrupt

@task(Concurrency(1, max_wait=20))
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
def test_storms_of_interrupts_lose_no_slot():
    """Interrupts that come faster than a call can end lose no slot either, while another thread waits for it."""
    program = [sys.executable, "-W", "ignore", "-c", STORM]
    done = subprocess.run(program, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "struck True\n"), done.stderr[-2000:]
