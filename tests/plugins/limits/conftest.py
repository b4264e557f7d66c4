"""What the tests of the limits share."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from contextvars import copy_context

import pytest

from pegboard import Session, hookimpl, task
from pegboard.testing import FakeClock, Recorder
from pegboard_limits import Limits

KINDS = ("function", "coroutine", "generator", "async_generator")


class Changes:
    """Keeps what becomes of breakers."""

    name = "changes"

    def __init__(self):
        self.seen = []

    @hookimpl(optionalhook=True)
    def on_breaker_change(self, call, name, state, previous):
        self.seen.append((call.task.name, name, state, previous))


@pytest.fixture
def clock():
    """A clock that moves when it is told to, or slept on."""
    return FakeClock()


@pytest.fixture
def recorder():
    """Keeps every event of the core."""
    return Recorder()


@pytest.fixture
def changes():
    """Keeps every change of a breaker."""
    return Changes()


@pytest.fixture
def limits():
    """The plugin, without a store."""
    return Limits()


@pytest.fixture
def session(clock, limits, recorder, changes):
    """An open session with limits, a fake clock and both recorders."""
    with Session(clock, limits, recorder, changes, inherit=False, strict=True) as opened:
        yield opened


@pytest.fixture
def of_kind():
    """Make a task of any kind from a sync body; `.run()` works for all of them."""

    def make(kind, body, *options):
        async def coroutine(*args):
            await asyncio.sleep(0)
            return body(*args)

        def generator(*args):
            yield body(*args)

        async def async_generator(*args):
            await asyncio.sleep(0)
            yield body(*args)

        def function(*args):
            return body(*args)

        made = {
            "function": function,
            "coroutine": coroutine,
            "generator": generator,
            "async_generator": async_generator,
        }
        return task(*options, name="probe")(made[kind])

    return make


@pytest.fixture(params=KINDS)
def kind(request):
    """Each kind of task."""
    return request.param


@pytest.fixture(params=["sync", "async"])
def colour(request):
    """A task that returns one value, sync and async."""
    return {"sync": "function", "async": "coroutine"}[request.param]


def interrupted_at(moment, function):
    """Call a function, and raise KeyboardInterrupt at the n-th moment at which a signal handler may run; tell whether it came.

    These moments are the beginnings of functions and the ends of those in C.
    """
    seen = 0

    def watch(_, event, __):
        nonlocal seen
        seen += event in ("call", "c_return")
        if seen > moment:
            raise KeyboardInterrupt

    gc.disable()  # others watch the collector, too
    try:
        sys.setprofile(watch)
        copy_context().run(function)
    except KeyboardInterrupt:
        return True
    finally:
        sys.setprofile(None)
        gc.enable()
    return False


@pytest.fixture
def interrupt_at():
    """Calls a function with an interrupt at the n-th moment; tells whether it came."""
    return interrupted_at


@pytest.fixture
def interrupted_everywhere():
    """Calls a function with an interrupt at each moment in turn, and a check after each; returns how many there were."""

    def interrupted(function, check):
        for moment in range(10_000):
            struck = interrupted_at(moment, function)
            check()
            if not struck:
                return moment
        raise AssertionError("it never ends")

    return interrupted


@pytest.fixture
def in_child():
    """Runs a function in a forked child, and returns what it returns: a text."""

    def run(function):
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            try:
                os.write(writer, str(function()).encode())
            except BaseException as error:  # noqa: BLE001 - told to the parent
                os.write(writer, repr(error).encode())
            finally:
                os._exit(0)
        os.close(writer)
        os.waitpid(child, 0)
        with os.fdopen(reader) as told:
            return told.read()

    return run
