"""Retries beside the functions of attempts that a time limit gave up."""

from __future__ import annotations

import threading
import time

import pytest

from pegboard import Deadline, DeadlineExceeded, Retry, Session, Timeout, task


class Overlap:
    """Counts how many of its bodies run at once, and how many did at most."""

    def __init__(self):
        self.guard = threading.Lock()
        self.now = self.most = self.runs = 0

    def __enter__(self):
        with self.guard:
            self.now += 1
            self.runs += 1
            self.most = max(self.most, self.now)
            return self.runs

    def __exit__(self, *_):
        with self.guard:
            self.now -= 1


@pytest.mark.parametrize("wait", [0, 0.01])
def test_attempts_do_not_overlap_when_the_retry_asks_so(wait):
    """The wait begins when the function has ended that was given up."""
    inside = Overlap()

    @task(Retry(2, wait=wait, overlap=False), Timeout(0.05))
    def slow():
        with inside as run:
            time.sleep(0.3 if run < 3 else 0)
        return run

    with Session():
        assert slow() == 3
    assert (inside.runs, inside.most) == (3, 1)


def test_they_may_overlap_otherwise():
    """A retry does not wait for what may never end."""
    inside, release = Overlap(), threading.Event()

    @task(Retry(1), Timeout(0.05))
    def slow():
        with inside as run:
            if run == 1:
                assert release.wait(20)
        return run

    with Session():
        assert slow() == 2
    assert inside.most == 2
    release.set()


def test_the_wait_for_a_function_ends_with_the_deadline():
    """A function that never ends holds its caller up for no longer than that."""
    release = threading.Event()

    @task(Retry(5, overlap=False), Timeout(0.05), Deadline(0.2))
    def stuck():
        assert release.wait(20)

    with Session(), pytest.raises(DeadlineExceeded):
        stuck()
    release.set()


@pytest.mark.parametrize("way", ["call", "submit", "map"])
def test_calls_do_not_wait_for_functions_of_other_calls(way):
    """Each waits for its own alone."""
    release = threading.Event()

    @task(Retry(1, overlap=False), Timeout(0.05))
    def slow(*, wait=False):
        if wait:
            assert release.wait(20)
        return 1

    with Session():
        held = slow.submit(wait=True)
        found = {"call": slow, "submit": lambda: slow.submit().result(10), "map": lambda: quick.map([1])[0]}[
            way
        ]()
        release.set()
        assert found == 1
        assert held.result(10) == 1


@task(Retry(1, overlap=False), Timeout(5))
def quick(x):
    return x


def test_a_coroutine_leaves_nothing_behind():
    """It is cancelled, so there is nothing to wait for."""
    runs = []

    @task(Retry(1, overlap=False), Timeout(0.05))
    async def slow():
        import asyncio

        runs.append(1)
        await asyncio.sleep(30 if len(runs) == 1 else 0)
        return len(runs)

    with Session():
        assert slow.run().unwrap() == 2
