"""Whose measurements `session[Metrics].stats(task)` tells."""

from __future__ import annotations

import asyncio
import gc
import threading
from contextvars import copy_context

import pytest
from prometheus_client import CollectorRegistry

from pegboard import Session, task
from pegboard_metrics import Metrics


@task(name="stats of sessions: parse")
def parse(x):
    return 1 / x


def calls(session):
    return session[Metrics].stats(parse).calls


def in_registry(registry, suffix="_count"):
    """What the registry has counted, whatever the session."""
    name = "pegboard_task_duration_seconds"
    families = [family for family in registry.collect() if family.name == name]
    return sum(
        sample.value
        for family in families
        for sample in family.samples
        if sample.name == name + suffix and sample.labels["pegboard_task_name"] == parse.name
    )


@pytest.fixture
def registry():
    """One of the test's own."""
    return CollectorRegistry()


@pytest.mark.parametrize("shared", [True, False], ids=["one instance", "an instance each"])
def test_a_new_session_begins_at_zero(registry, shared):
    """Sessions one after another count their own calls, and the registry all of them."""
    one = Metrics(registry)
    for number in range(1, 4):
        with Session(one if shared else Metrics(registry), inherit=False) as session:
            parse.map([1] * 5)
            assert calls(session) == 5
            assert in_registry(registry) == 5 * number


def test_a_session_counts_those_inside_that_inherit(registry):
    """And an inner one its own alone, whoever is current when they are asked."""
    with Session(Metrics(registry), inherit=False) as outer:
        parse(1)
        with Session() as inner:
            parse.map([1, 2])
            with Session() as innermost:
                parse(1)
                assert (calls(outer), calls(inner), calls(innermost)) == (4, 3, 1)
        assert (calls(outer), calls(inner)) == (4, 3)
        with Session():
            parse(1)
        assert calls(outer) == 5
    assert (calls(outer), in_registry(registry)) == (5, 5)


def test_an_inner_session_with_metrics_of_its_own_is_its_own(registry):
    """It does not inherit, so the outer one does not count its calls; the registry does."""
    with Session(Metrics(registry), inherit=False) as outer, Session(Metrics(registry)) as inner:
        parse(1)
        assert (calls(outer), calls(inner)) == (0, 1)
    assert in_registry(registry) == 1


def test_sessions_at_once_count_apart(registry):
    """Two threads with a session each, of one instance."""
    metrics, both = Metrics(registry), threading.Barrier(2, timeout=10)
    found = {}

    def work(number):
        with Session(metrics, inherit=False) as session:
            both.wait()
            parse.map([1] * number)
            both.wait()
            found[number] = calls(session)

    threads = [threading.Thread(target=copy_context().run, args=(work, number)) for number in (2, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {2: 2, 7: 7}
    assert in_registry(registry) == 9


def test_all_numbers_are_the_sessions(registry):
    """Failures, attempts, times and the calls that run, as well as calls."""
    for _ in range(2):
        with Session(Metrics(registry), inherit=False) as session:
            assert session[Metrics].stats(parse).last_run is None
            parse.run(0)
            found = session[Metrics].stats(parse)
            assert (found.calls, found.attempts, found.failures, found.active) == (1, 1, 1, 0)
            assert found.min_duration == found.max_duration == found.total_duration > 0
            assert found.last_run is not None
            assert found.last_success is None


def test_a_call_that_outlives_its_session_is_counted(registry):
    """A stream that is left open at the end of its session counts once it ends, too."""

    @task(name="stats of sessions: stream")
    def numbers():
        yield 1
        yield 2

    with Session(Metrics(registry), inherit=False) as outer:
        with Session() as inner:
            stream = numbers()
            next(stream)
        stream.close()  # if it was not with its session
        assert [each[Metrics].stats(numbers).calls for each in (inner, outer)] == [1, 1]
        assert [each[Metrics].stats(numbers).active for each in (inner, outer)] == [0, 0]


def test_an_instance_tells_all_of_its_registry(registry):
    """It was not asked of a session."""
    first, second = Metrics(registry), Metrics(registry)
    for metrics in (first, second):
        with Session(metrics, inherit=False):
            parse(1)
    assert first.stats(parse).calls == second.stats(parse).calls == 2


def test_nothing_is_lost_with_sessions_that_are_gone(registry):
    """What ended sessions measured stays in the registry, and nothing else of them."""
    metrics = Metrics(registry)
    for _ in range(300):
        with Session(metrics, inherit=False):
            parse(1)
            parse.run(0)
    gc.collect()
    assert in_registry(registry) == 600
    assert len(metrics._store()._ledgers) == 0
    assert metrics._store().find_series(parse.name).below == []


def test_calls_in_threads_and_loops_belong_to_their_session(registry):
    """`submit`, `amap` and `acall` count where they were called."""

    @task(name="stats of sessions: coroutine")
    async def wait(x):
        return x

    async def main():
        await wait.amap(range(3))
        await parse.acall(1)

    with Session(Metrics(registry), inherit=False) as outer:
        parse.submit(1).result()
        with Session() as inner:
            asyncio.run(main())
        assert (inner[Metrics].stats(wait).calls, calls(inner), calls(outer)) == (3, 1, 2)


def test_what_is_asked_of_a_session_is_of_its_class_and_stays_the_same(registry):
    """`session[Metrics]` is a Metrics with the registry of the one that is attached."""
    metrics = Metrics(registry)
    with Session(metrics, inherit=False) as session:
        assert isinstance(session[Metrics], Metrics)
        assert session[Metrics] is session[Metrics]
        assert session[Metrics].registry is metrics.registry
