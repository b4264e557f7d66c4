"""Stopping what waits in a thread."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import Future

import pytest

from pegboard.clock import SYSTEM_CLOCK
from pegboard.parts import stopping
from pegboard.parts.stopping import Stop, stop_in_force, stoppable, unstoppable
from pegboard.testing import FakeClock

LONG = 300


def later(function) -> None:
    threading.Timer(0.02, function).start()


async def _awaiting() -> None:
    await stopping.awaited(asyncio.sleep(LONG))


WAITS = {
    "event": lambda: stopping.wait_for(threading.Event()),
    "event with a time": lambda: stopping.wait_for(threading.Event(), LONG),
    "future": lambda: stopping.result_of(Future()),
    "sleep": lambda: stopping.sleep(SYSTEM_CLOCK, LONG),
    "loop": lambda: asyncio.run(_awaiting()),
}


@pytest.mark.parametrize("wait", WAITS.values(), ids=WAITS)
@pytest.mark.parametrize("when", ["before", "meanwhile", "by the outer one"])
def test_a_stop_ends_every_wait(wait, when) -> None:
    """Asked for before, meanwhile, and around the one that is in force; the reason is told."""
    began = time.monotonic()
    with stoppable("not wanted") as outer, stoppable("not wanted") as inner:
        if when == "before":
            inner.ask()
        else:
            later(outer.ask if when == "by the outer one" else inner.ask)
        with pytest.raises(asyncio.CancelledError) as caught:
            wait()
    assert time.monotonic() - began < LONG / 2
    assert caught.value.args in (("not wanted",), ())  # a loop says it in its own words


def test_without_a_stop_they_are_the_waits_that_they_stand_for() -> None:
    """And with one that nobody asks for."""
    done: Future[int] = Future()
    done.set_result(3)
    for context in (stoppable("no"), unstoppable()):
        with context:
            event = threading.Event()
            assert not stopping.wait_for(event, 0.001)
            later(event.set)
            assert stopping.wait_for(event, LONG)
            assert stopping.result_of(done) == 3
            with pytest.raises(TimeoutError):
                stopping.result_of(Future(), 0.001)
            stopping.sleep(SYSTEM_CLOCK, 0.001)
            stopping.refuse_stopped()


def test_a_clock_that_cannot_be_woken_is_asked_before_and_after() -> None:
    """Its own sleep is left to it."""
    clock = FakeClock()
    with stoppable("no") as stop:
        stopping.sleep(clock, 5)
        stop.ask()
        with pytest.raises(asyncio.CancelledError):
            stopping.sleep(clock, 5)
    assert clock.sleeps == [5]


def test_what_takes_back_is_not_stopped() -> None:
    """Inside it waits last as long as they take."""
    with stoppable("no") as stop:
        stop.ask()
        with unstoppable():
            assert not stopping.wait_for(threading.Event(), 0.001)
            stopping.refuse_stopped()
        with pytest.raises(asyncio.CancelledError):
            stopping.refuse_stopped()


def test_the_stop_around_is_in_force_again_afterwards() -> None:
    """And none where there was none; nothing is left to be woken."""
    assert stop_in_force.get() is None
    with stoppable("outer") as outer:
        with stoppable("inner"):
            assert stop_in_force.get() is not outer
        assert stop_in_force.get() is outer
        assert not outer._wakers
    assert stop_in_force.get() is None


def test_a_stop_may_be_asked_for_by_many_threads_while_others_wait() -> None:
    """Each of them is woken."""
    stop, ended = Stop("no"), []

    def wait() -> None:
        stop_in_force.set(stop)
        try:
            stopping.wait_for(threading.Event(), LONG)
        except asyncio.CancelledError:
            ended.append(1)

    waiting = [threading.Thread(target=wait) for _ in range(20)]
    asking = [threading.Thread(target=stop.ask) for _ in range(5)]
    for thread in (*waiting[:10], *asking, *waiting[10:]):
        thread.start()
    for thread in (*waiting, *asking):
        thread.join(10)
    assert len(ended) == 20
