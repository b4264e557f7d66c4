"""Ctrl-C at any moment: the pool is whole for whoever comes next."""

from __future__ import annotations

import contextlib
import gc
import random
import signal
import time
from collections import deque

import pytest
import remote_tasks as tasks

from pegboard import Processes, Session

WAYS = {
    "map": lambda: tasks.plus_one.map(range(200)),
    "call": lambda: tasks.placed(1),
    "submit": lambda: tasks.plus_one.submit(1).result(),
}


@pytest.fixture
def alarm_interrupts():
    """Have SIGALRM do what Ctrl-C does, which a test run in the background does not get."""
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    gc.disable()  # others watch the collector, too, and what strikes there is theirs
    yield
    signal.setitimer(signal.ITIMER_REAL, 0)
    gc.enable()
    signal.signal(signal.SIGALRM, before)


class Struck(deque):
    """Slots that are free; one is not added, as a Ctrl-C strikes there."""

    def append(self, slot) -> None:
        """Raise once what a signal handler would."""
        type(self).append = deque.append
        raise KeyboardInterrupt


def test_a_worker_that_was_not_given_back_is_found_again(tmp_path) -> None:
    """Whoever used it was struck between letting go of it and putting it where others find it."""
    with Processes(workers=2) as pool, Session(executor=pool):
        tasks.plus_one.map(range(4))
        pool._pool._free = Struck(pool._pool._free)
        with contextlib.suppress(KeyboardInterrupt):
            tasks.placed(1)
        meeting = [tasks.meets.submit(str(tmp_path), number) for number in range(2)]
        assert [each.result() for each in meeting] == [True, True]


@pytest.mark.usefixtures("alarm_interrupts")
@pytest.mark.parametrize("way", WAYS)
def test_interrupts_at_any_moment_cost_no_worker_and_no_answer(way, tmp_path) -> None:
    """After many of them every worker still answers, and nobody gets an answer that was meant for another."""
    chance = random.Random(7)
    until = time.monotonic() + 3
    interrupted = 0
    with Processes(workers=2) as pool, Session(executor=pool):
        tasks.plus_one.map(range(4))
        while time.monotonic() < until:
            try:
                signal.setitimer(signal.ITIMER_REAL, chance.uniform(0.0001, 0.01))
                try:
                    WAYS[way]()
                finally:
                    signal.setitimer(signal.ITIMER_REAL, 0)
            except KeyboardInterrupt:
                interrupted += 1
            assert tasks.placed(41) == 42
        assert tasks.plus_one.map(range(300)) == list(range(1, 301))
        meeting = [tasks.meets.submit(str(tmp_path), number) for number in range(2)]
        assert [each.result() for each in meeting] == [True, True]
    assert interrupted > 0
