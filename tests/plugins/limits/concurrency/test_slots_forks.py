"""A forked child has the slots that its own thread had, and the others are free."""

from __future__ import annotations

import os
import threading
from contextvars import copy_context

import pytest

from pegboard import Session, task
from pegboard_limits import Breaker, BreakerOpen, Concurrency, Limits

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="processes do not fork here"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]


def test_a_slot_of_a_thread_that_did_not_come_along_is_free_in_the_child(in_child):
    """Nobody would ever give it back there."""
    inside, leave = threading.Event(), threading.Event()

    @task(Concurrency(1, max_wait=0))
    def work(*, wait):
        if wait:
            inside.set()
            assert leave.wait(10)
        return "ran"

    with Session(Limits()):
        thread = threading.Thread(target=copy_context().run, args=(lambda: work(wait=True),))
        thread.start()
        assert inside.wait(10)
        told = in_child(lambda: work(wait=False))
        leave.set()
        thread.join()
    assert told == "ran"


def test_a_slot_of_the_call_that_forks_stays_taken_in_the_child(in_child):
    """What runs there is inside that call, and what is not has to wait for it."""

    @task(Concurrency(1, "shared", max_wait=0))
    def inner():
        return "inside"

    @task(Concurrency(1, "shared", max_wait=0))
    def outer():
        return in_child(lambda: (inner(), limits._rates_and_slots._slots.all()[0].taken))

    limits = Limits()
    with Session(limits):
        assert outer() == "('inside', 1)"


def test_the_probe_of_a_thread_that_did_not_come_along_is_free_in_the_child(in_child):
    """A breaker that is half open lets another probe through there."""
    inside, leave, broken = threading.Event(), threading.Event(), True

    @task(Breaker(1, recovery=1e-6))
    def work(*, wait=False):
        if broken:
            raise ConnectionError
        if wait:
            inside.set()
            assert leave.wait(10)
        return "ran"

    with Session(Limits()):
        with pytest.raises(ConnectionError):
            work()
        broken = False
        thread = threading.Thread(target=copy_context().run, args=(lambda: work(wait=True),))
        thread.start()
        assert inside.wait(10)
        with pytest.raises(BreakerOpen):
            work()
        told = in_child(work)
        leave.set()
        thread.join()
    assert told == "ran"
