"""Durations are sorted into buckets late, and none is lost."""

from __future__ import annotations

import threading
from collections import deque
from itertools import pairwise
from math import inf, isclose

from hypothesis import given
from hypothesis import strategies as st

from pegboard_metrics._durations import PENDING_MOST, Durations, TraceExemplar

BOUNDS = (0.1, 1.0, 10.0)
seconds = st.one_of(st.floats(0, 20), st.sampled_from(BOUNDS))


@given(st.lists(seconds, max_size=3 * PENDING_MOST))
def test_each_duration_is_in_the_bucket_that_it_does_not_exceed(observed):
    """A bucket counts the durations above the bound before it and up to its own, bounds included."""
    durations = Durations(BOUNDS)
    for value in observed:
        durations.observe(value)
    edges = (-inf, *BOUNDS, inf)
    assert durations.totals().counts == tuple(
        sum(low < value <= high for value in observed) for low, high in pairwise(edges)
    )


@given(st.lists(seconds, min_size=1, max_size=600))
def test_sum_least_and_most_are_those_of_all_durations(observed):
    """What is folded in several batches sums up to the same as all at once."""
    durations = Durations(BOUNDS)
    for value in observed:
        durations.observe(value)
    totals = durations.totals()
    assert (totals.least, totals.most) == (min(observed), max(observed))
    assert isclose(totals.sum, sum(observed), rel_tol=1e-9)


def test_what_is_pending_is_bounded():
    """Memory does not grow with the calls between two scrapes."""
    durations = Durations(BOUNDS)
    for _ in range(10 * PENDING_MOST):
        durations.observe(0.5)
    assert len(durations.pending) <= PENDING_MOST


def test_threads_that_observe_and_settle_at_once_lose_nothing():
    """Eight threads and a reader that folds all the time count each duration exactly once."""
    durations = Durations(BOUNDS)
    done = threading.Event()

    def observe():
        for _ in range(5_000):
            durations.observe(0.5)

    def read():
        while not done.is_set():
            durations.totals()

    reader = threading.Thread(target=read)
    writers = [threading.Thread(target=observe) for _ in range(8)]
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    reader.join()
    assert durations.totals().counts == (0, 40_000, 0, 0)


def test_a_duration_that_arrives_while_another_thread_settles_waits_for_nobody():
    """A call goes on while the buckets are held, and its duration is counted afterwards."""
    durations = Durations(BOUNDS)
    held, release = threading.Event(), threading.Event()

    def hold():
        with durations._guard:
            held.set()
            release.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(10)
    for _ in range(2 * PENDING_MOST):
        durations.observe(0.5)
    assert len(durations.pending) == 2 * PENDING_MOST
    release.set()
    holder.join()
    assert durations.totals().calls == 2 * PENDING_MOST


class Interrupted(deque):
    """Lets a finalizer end a call and fold everything, at the moment when the eighth duration is taken."""

    def __init__(self, durations, items):
        super().__init__(items)
        self.durations = durations
        self.taken = 0

    def popleft(self):
        self.taken += 1
        if self.taken == 8:
            self.append(0.5)
            self.durations.fold()
        return super().popleft()


def test_settling_inside_settling_counts_each_duration_once():
    """A finalizer that ends a call while this thread folds neither deadlocks nor loses or doubles a duration."""
    durations = Durations(BOUNDS)
    durations.pending = Interrupted(durations, [0.5] * 10)
    durations.fold()
    assert durations.totals().calls == 11


def test_an_exemplar_belongs_to_the_bucket_of_its_duration():
    """The last exemplar of each bucket is kept."""
    durations = Durations(BOUNDS)
    first, last = (TraceExemplar("t", span, 0.5, 1.0) for span in ("a", "b"))
    durations.exemplify(first)
    durations.exemplify(last)
    assert durations.totals().exemplars == (None, last, None, None)
