"""Which calls ran by themselves."""

from __future__ import annotations

import gc
import threading

import pytest

from pegboard import Session, task
from pegboard_resources import Measured, Resources


@pytest.fixture
def known():
    """Tells of how many calls of a task the growth is known."""
    with Session(Resources(memory=True, interval=None), strict=True, inherit=False) as session:
        yield lambda each: session[Resources].usage(each).memory_calls


@task
def leaf(x=0):
    return x


def test_one_after_another_is_known(known):
    """Calls that follow each other are alone."""
    for _ in range(3):
        leaf()
    assert known(leaf) == 3


def test_nested_calls_are_part_of_their_caller(known):
    """Caller and callee are both known."""

    @task
    def outer():
        return [leaf(), leaf()]

    outer()
    assert (known(outer), known(leaf)) == (1, 2)


def test_calls_beside_each_other_are_not_known_and_their_caller_is(known):
    """What two took together is neither's, and it is all of the one that made them."""
    both = threading.Barrier(2, timeout=10)

    @task
    def beside(x):
        both.wait()
        return x

    @task
    def outer():
        return beside.map([1, 2], concurrency=2)

    outer()
    assert (known(beside), known(outer)) == (0, 1)


def test_what_runs_below_a_call_beside_another_is_not_known(known):
    """A nested call shares the lot of its caller."""
    both = threading.Barrier(2, timeout=10)

    @task
    def beside(x):
        both.wait()
        leaf(x)
        return both.wait()

    beside.map([1, 2], concurrency=2)
    assert known(leaf) == 0
    leaf()
    assert known(leaf) == 1


def test_a_suspended_stream_runs_beside_what_its_consumer_calls(known):
    """Of a stream and its consumer's calls, neither is known: the stream may hold what it gained."""

    @task
    def items():
        yield 1
        yield 2

    for _ in items():
        leaf()
    assert (known(items), known(leaf)) == (0, 0)


def test_a_call_that_goes_on_after_its_caller_counts_beside_later_ones(known):
    """A thread left running is seen by the calls after it."""
    go = threading.Event()

    @task
    def late():
        go.wait(10)

    started = []

    @task
    def outer():
        started.append(late.submit())

    outer()
    leaf()
    go.set()
    started[0].result()
    assert known(leaf) == 0
    leaf()
    assert known(leaf) == 1


def test_calls_that_ran_before_memory_was_asked_for_are_seen():
    """The first task with Measured is not blamed for a call that was under way."""
    go, begun = threading.Event(), threading.Event()

    @task
    def other():
        begun.set()
        go.wait(10)

    asked = leaf.with_options(Measured())
    with Session(Resources(interval=None), strict=True, inherit=False) as session:
        running = other.submit()
        begun.wait(10)
        asked()
        go.set()
        running.result()
        assert session[Resources].usage(asked).memory_calls == 0
        asked()
        assert session[Resources].usage(asked).memory_calls == 1


def test_ended_calls_are_let_go():
    """Nothing of a call is kept after its end."""
    import weakref

    from pegboard import current_call

    seen = []

    @task
    def outer():
        seen.append(weakref.ref(current_call()))
        return leaf()

    with Session(Resources(memory=True, interval=None), inherit=False):
        outer()
        gc.collect()
        assert seen[0]() is None
