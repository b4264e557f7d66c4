"""The warning of a task that takes too much memory."""

from __future__ import annotations

import logging
import mmap

import pytest

from pegboard import Session, hookimpl, task
from pegboard_resources import Measured, Resources

MB = 1_000_000


def fresh(size):
    """Take memory that the process did not have before: an allocator hands out again what was freed."""
    pages = mmap.mmap(-1, size)
    pages[::4096] = b"x" * -(-size // 4096)
    return pages


class Listener:
    """Keeps what it is told of growth."""

    name = "listener"

    def __init__(self):
        self.told = []

    @hookimpl
    def on_memory_growth(self, call, grown, limit):
        self.told.append((call.task.name, grown, limit))


@task(Measured(memory_limit="10MB"))
def hold(size):
    return fresh(size)


@pytest.fixture
def listener():
    return Listener()


@pytest.fixture
def session(listener):
    with Session(Resources(interval=None), listener, strict=True, inherit=False) as opened:
        yield opened


@pytest.mark.usefixtures("session")
def test_a_call_over_the_limit_is_told_every_time_and_logged_once(listener, caplog):
    """The event comes with each, the log line once a task and session."""
    with caplog.at_level(logging.WARNING):
        held = [hold(40 * MB), hold(40 * MB)]
    assert len(held) == len(listener.told) == 2
    assert all(
        name == "hold" and grown > 30 * MB and limit == 10 * MB for name, grown, limit in listener.told
    )
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "'hold' grew the process by" in caplog.text


@pytest.mark.usefixtures("session")
def test_calls_that_grow_a_little_each_are_told_together(listener):
    """A leak of many small calls passes the limit, too."""
    held = [hold(4 * MB) for _ in range(4)]
    assert len(held) == 4
    assert len(listener.told) == 1
    assert listener.told[0][1] > 10 * MB


@pytest.mark.usefixtures("session")
def test_a_call_within_the_limit_is_not_told(listener):
    """Nothing is told of what is allowed."""
    assert len(hold(1000)) == 1000
    assert listener.told == []


@pytest.mark.usefixtures("session")
def test_what_others_took_meanwhile_is_not_told(listener):
    """Calls that run beside each other are not blamed for each other."""
    from threading import Barrier

    both = Barrier(2, timeout=10)

    @task(Measured(memory_limit="10MB"))
    def beside(size):
        both.wait()
        held = fresh(size or 1)
        both.wait()
        return held

    held = beside.map([40 * MB, 0], concurrency=2)
    assert len(held) == 2
    assert listener.told == []


def test_no_limit_warns_of_nothing(listener, session, caplog):
    """Measured() measures alone."""
    held = hold.with_options(Measured())(40 * MB)
    assert session[Resources].usage(hold).rss_growth_max > 30 * MB
    assert len(held) == 40 * MB
    assert (listener.told, caplog.text) == ([], "")
