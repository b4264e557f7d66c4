"""The summary of a task."""

from __future__ import annotations

import time

import pytest
from prometheus_client import CollectorRegistry

from pegboard import Layer, MissingPlugin, Order, Session, hookimpl, task
from pegboard_metrics import Metrics, TaskStats


@task
def invert(x):
    return 1 / x


def test_a_task_that_was_never_called_has_zeros(metrics):
    """No division by nothing: rates and means are 0, times None; also before any session."""
    found = metrics.stats(invert)
    assert found == TaskStats("invert")
    assert (found.calls, found.error_rate, found.mean_duration, found.last_run) == (0, 0.0, 0.0, None)


def test_calls_failures_and_rate(metrics, session):
    """The error rate is failed calls over calls."""
    for x in (1, 0, 2, 0):
        invert.run(x)
    found = metrics.stats(invert)
    assert (found.task, found.calls, found.attempts, found.failures) == ("invert", 4, 4, 2)
    assert found.error_rate == 0.5


def test_the_rate_is_1_when_all_failed(metrics, session):
    """Not above, however often."""
    for _ in range(3):
        invert.run(0)
    assert metrics.stats(invert).error_rate == 1.0


def test_durations_include_failures(metrics, session):
    """Least and most, mean and total are over all calls that were measured, in seconds."""

    @task
    def spin(seconds):
        begun = time.perf_counter()
        while time.perf_counter() - begun < seconds:
            pass
        raise ValueError

    for seconds in (0.001, 0.01):
        spin.run(seconds)
    found = metrics.stats(spin)
    assert found.min_duration >= 0.001
    assert found.max_duration >= max(0.01, found.min_duration)
    assert found.total_duration == pytest.approx(found.min_duration + found.max_duration)
    assert found.mean_duration == pytest.approx(found.total_duration / 2)


def test_the_last_run_and_the_last_success(metrics, session):
    """A failure is a run and no success."""
    before = time.time()
    invert(1)
    between = time.time()
    invert.run(0)
    found = metrics.stats(invert)
    assert before <= found.last_success <= between <= found.last_run <= time.time()


def test_a_running_call_is_active_and_not_yet_a_call(metrics, session):
    """It counts once it has ended."""

    @task
    def look():
        return metrics.stats(look)

    during = look()
    assert (during.active, during.calls) == (1, 0)
    after = metrics.stats(look)
    assert (after.active, after.calls) == (0, 1)


class Remembering:
    """Answers a known argument from memory, and runs a failed call once more."""

    name = "remembering"

    def __init__(self):
        self.known = {}

    @hookimpl
    def bind(self, session, task):
        async def run(call, proceed):
            (x,) = call.args
            if x in self.known:
                call.emit("on_cache_hit", str(x))
                call.source = "cache"
                return self.known[x]
            call.emit("on_cache_miss", str(x))
            try:
                self.known[x] = await proceed(call)
            except ZeroDivisionError as error:
                call.emit("on_retry", call.attempt, error, 0.0)
                self.known[x] = await proceed(call)
            return self.known[x]

        return Layer("remembering", Order.CACHE, run=run)


def test_hits_and_retries_tell_calls_from_runs(metrics):
    """A hit is a call without a run and adds no duration; a retry is a run more."""
    with Session(metrics, Remembering(), inherit=False):
        invert(1)
        for _ in range(3):
            invert(1)
        first = metrics.stats(invert)
        invert.run(0)
    found = metrics.stats(invert)
    assert (first.calls, first.attempts, first.cache_hits, first.cache_misses) == (4, 1, 3, 1)
    assert first.mean_duration == first.total_duration > 0
    assert (found.calls, found.attempts, found.retries, found.failures) == (5, 3, 1, 1)


def test_a_served_call_may_fail(metrics):
    """A stored result that a layer further out refuses is a failure."""

    class Refusing:
        name = "refusing"

        @hookimpl
        def bind(self, session, task):
            async def run(call, proceed):
                await proceed(call)
                if call.source == "cache":
                    raise ValueError

            return Layer("refusing", Order.FALLBACK, run=run)

    with Session(metrics, Remembering(), Refusing(), inherit=False):
        invert(1)
        invert.run(1)
    found = metrics.stats(invert)
    assert (found.calls, found.failures) == (2, 1)


def test_tasks_of_one_name_are_one(metrics, session):
    """As they are in the metrics."""
    twin = task(name="invert")(lambda x: x)
    twin(1)
    invert(1)
    assert metrics.stats(invert) == metrics.stats(twin)
    assert metrics.stats(invert).calls == 2


def test_a_task_over_the_cap_says_so():
    """Its own numbers are gone; those of `_OTHER` are shown under that name."""
    metrics = Metrics(CollectorRegistry())
    with Session(metrics, inherit=False):
        for number in range(502):
            task(name=f"task{number}")(lambda: 1)()
        last = task(name="task501")(lambda: 1)
    assert (metrics.stats(last).task, metrics.stats(last).calls) == ("_OTHER", 2)
    assert metrics.stats(task(name="task3")(lambda: 1)).calls == 1


def test_quantiles(metrics, session):
    """Half of the calls are quick, and one in twenty is slow."""

    @task
    def waits(seconds):
        time.sleep(seconds)

    for index in range(40):
        waits(0.03 if index % 20 == 0 else 0)
    found = session[Metrics].stats(waits)
    assert found.min_duration <= found.p50_duration < 0.01 <= found.p99_duration <= found.max_duration
    assert found.p50_duration <= found.p95_duration <= found.p99_duration


def test_the_session_gives_the_same_summary(metrics, session):
    """`session[Metrics].stats(task)` is that of its plugin; without one the error says what to attach."""
    invert(1)
    assert session[Metrics].stats(invert) == metrics.stats(invert)
    with Session(inherit=False) as other, pytest.raises(MissingPlugin, match=r"Session\(Metrics\("):
        other[Metrics]
