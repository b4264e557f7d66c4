"""What a call leaves in the metrics, for all four kinds of task and every way to end."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from pegboard import Layer, Order, Session, hookimpl, task
from pegboard_metrics import Metrics
from pegboard_metrics._durations import PENDING_MOST
from pegboard_metrics._registry import store_of

ACTIVE = "pegboard_task_active"
AGE = "pegboard_task_oldest_age_seconds"
LAST_SUCCESS = "pegboard_task_last_success_timestamp_seconds"


@task(name="work")
def function(error=None):
    if error:
        raise error
    return 1


@task(name="work")
async def coroutine(error=None):
    await asyncio.sleep(0)
    if error:
        raise error
    return 1


@task(name="work")
def generator(error=None):
    yield 1
    if error:
        raise error


@task(name="work")
async def async_generator(error=None):
    yield 1
    await asyncio.sleep(0)
    if error:
        raise error


KINDS = {each.kind: each for each in (function, coroutine, generator, async_generator)}


async def collected(stream):
    return [item async for item in stream]


def finish(work, *args):
    """Call a task of any kind to its end."""
    if work.kind == "coroutine":
        return asyncio.run(work(*args))
    if work.kind == "generator":
        return list(work(*args))
    if work.kind == "async_generator":
        return asyncio.run(collected(work(*args)))
    return work(*args)


@pytest.fixture(params=KINDS)
def work(request):
    return KINDS[request.param]


def test_a_call_that_returns_is_ok(session, calls, total, work):
    """A value counts as one ok call, takes time, and nothing stays active."""
    before = time.perf_counter()
    finish(work)
    elapsed = time.perf_counter() - before
    assert calls("work") == 1
    assert 0 < total("pegboard_task_duration_seconds_sum", pegboard_task_name="work") <= elapsed
    assert total(ACTIVE) == 0


@pytest.mark.parametrize(
    ("error", "status", "error_type"),
    [
        (ValueError("no"), "error", "ValueError"),
        (TimeoutError(), "error", "TimeoutError"),
        (KeyboardInterrupt(), "cancelled", "KeyboardInterrupt"),
        (SystemExit(3), "cancelled", "SystemExit"),
        (asyncio.CancelledError(), "cancelled", ""),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_a_call_that_raises_has_its_status_and_error_type(
    session, calls, total, work, error, status, error_type
):
    """Whatever leaves a call is counted once, a mere cancellation without an error type, and nothing stays active."""
    with pytest.raises(type(error)):
        finish(work, error)
    assert calls("work", status, error_type=error_type) == 1
    assert total("pegboard_task_duration_seconds_count") == 1
    assert total(ACTIVE) == 0


def test_an_error_of_another_module_is_named_with_it(session, calls):
    """The error type is the qualified name of the class, as on the span."""

    class RefusedError(Exception):
        pass

    with pytest.raises(RefusedError):
        function(RefusedError())
    assert calls("work", "error", error_type=f"{__name__}.{RefusedError.__qualname__}") == 1


def test_a_cancelled_coroutine_ends(session, calls, total):
    """A call that its asyncio task cancels is cancelled, and no longer active."""

    @task
    async def stuck():
        await asyncio.Event().wait()

    async def main():
        running = asyncio.create_task(stuck())
        await asyncio.sleep(0)
        assert total(ACTIVE, pegboard_task_name="stuck") == 1
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(main())
    assert calls("stuck", "cancelled") == 1
    assert total(ACTIVE) == 0


def test_a_closed_stream_is_closed(session, calls, total):
    """A stream that is left early is active until then, and closed afterwards."""
    stream = generator()
    next(stream)
    assert total(ACTIVE, pegboard_task_name="work") == 1
    stream.close()
    assert (calls("work", "closed"), total(ACTIVE)) == (1, 0)


def test_a_dropped_stream_is_closed(session, calls, total):
    """The plugin holds no stream that its consumer dropped."""
    stream = generator()
    next(stream)
    del stream
    gc.collect()
    assert (calls("work", "closed"), total(ACTIVE)) == (1, 0)


def test_a_closed_async_stream_is_closed(session, calls, total):
    """As for a generator."""

    async def main():
        stream = async_generator()
        await anext(stream)
        assert total(ACTIVE) == 1
        await stream.aclose()

    asyncio.run(main())
    assert (calls("work", "closed"), total(ACTIVE)) == (1, 0)


def test_a_dropped_coroutine_is_no_longer_active(session, total):
    """A coroutine that was begun and thrown away ends."""
    running = coroutine()
    running.send(None)
    assert total(ACTIVE) == 1
    del running
    gc.collect()
    assert total(ACTIVE) == 0


def test_a_running_call_is_active_and_ages(session, total):
    """Stuck work shows: the oldest active call's age grows, and is 0 once it is over."""

    @task
    def look():
        first = total(AGE, pegboard_task_name="look")
        return first, total(AGE, pegboard_task_name="look"), total(ACTIVE, pegboard_task_name="look")

    before = time.perf_counter()
    first, second, active = look()
    assert active == 1
    assert 0 < first < second <= time.perf_counter() - before
    assert total(AGE) == 0


def test_the_age_is_that_of_the_oldest(session, total):
    """With several calls active, the one that began first counts."""

    @task
    def nested(depth):
        if not depth:
            return total(AGE), total(ACTIVE)
        begun = time.perf_counter()
        while time.perf_counter() - begun < 0.001:
            pass
        return nested(depth - 1)

    before = time.perf_counter()
    age, active = nested(3)
    assert active == 4
    assert 0.003 <= age <= time.perf_counter() - before


def test_between_two_scrapes_a_task_keeps_a_bounded_number_of_durations(session, registry, calls):
    """Memory does not grow with the calls, and none of them is lost."""
    for _ in range(5_000):
        function()
    child = store_of(registry).duration.family.child("work", "ok", "run", "")
    assert len(child.pending) <= PENDING_MOST
    assert calls("work") == 5_000


def test_the_last_success_is_the_time_of_the_last_ok_call(session, samples):
    """A failure does not touch it, and before the first success there is none."""
    with pytest.raises(ValueError):
        function(ValueError())
    assert samples(LAST_SUCCESS) == []
    before = time.time()
    function()
    after = time.time()
    with pytest.raises(ValueError):
        function(ValueError())
    ((labels, value),) = samples(LAST_SUCCESS)
    assert labels == {"pegboard_task_name": "work"}
    assert before <= value <= after


class Answering:
    """Answers calls without running the function, as a cache, journal or fallback does."""

    name = "answering"

    def __init__(self, source, event=None):
        self.source = source
        self.event = event

    @hookimpl
    def bind(self, session, task):
        async def run(call, proceed):
            if self.event:
                call.emit(self.event, "key")
            call.source = self.source
            return 2

        return Layer("answering", Order.CACHE, run=run)


@pytest.mark.parametrize("source", ["cache", "journal"])
def test_a_served_call_has_no_duration(metrics, calls, total, samples, source):
    """What was not computed took no time worth measuring, and would make the task look fast; it is a success."""
    with Session(metrics, Answering(source)):
        assert function() == 2
    assert total("pegboard_task_duration_seconds_count") == 0
    assert len(samples(LAST_SUCCESS)) == 1
    assert total(ACTIVE) == 0


def test_a_fallback_is_measured_under_its_source_and_is_no_success(metrics, calls, samples):
    """Its call ran the function, in vain, and took that time."""
    with Session(metrics, Answering("fallback")):
        function()
    assert calls("work", source="fallback") == 1
    assert samples(LAST_SUCCESS) == []


@pytest.mark.parametrize(("event", "result"), [("on_cache_hit", "hit"), ("on_cache_miss", "miss")])
def test_lookups_are_counted_by_result(metrics, samples, event, result):
    """Whoever looks up stored results and says so is counted."""
    with Session(metrics, Answering("cache", event)):
        function()
        function()
    assert samples("pegboard_cache_lookups_total") == [
        ({"pegboard_task_name": "work", "pegboard_cache_result": result}, 2)
    ]


class Repeating:
    """Runs a failed call again, once for each error that it is told."""

    name = "repeating"

    @hookimpl
    def bind(self, session, task):
        async def run(call, proceed):
            while True:
                try:
                    return await proceed(call)
                except Exception as error:  # noqa: BLE001 - this plugin retries whatever there is
                    call.emit("on_retry", call.attempt, error, 0.0)

        return Layer("repeating", Order.RETRY, run=run)


@pytest.mark.parametrize("kind", ["function", "coroutine"])
def test_retries_are_counted_by_the_error_that_made_them_necessary(metrics, calls, samples, kind):
    """Two errors and then a value are two retries and one ok call."""
    errors = [ValueError(), KeyError()]

    def body():
        if errors:
            raise errors.pop()
        return 1

    async def abody():
        return body()

    with Session(metrics, Repeating()):
        finish(task(name="work")(body if kind == "function" else abody))
    assert samples("pegboard_task_retries_total") == [
        ({"pegboard_task_name": "work", "error_type": "KeyError"}, 1),
        ({"pegboard_task_name": "work", "error_type": "ValueError"}, 1),
    ]
    assert calls("work") == 1


class Spanning:
    """Marks calls as a tracer does."""

    name = "spanning"

    def __init__(self, sampled):
        self.sampled = sampled

    @hookimpl
    def before_execute(self, call):
        call.trace_id, call.span_id, call.sampled = "ab" * 16, "cd" * 8, self.sampled


def exemplars(registry):
    return [
        (sample.labels["pegboard_call_status"], sample.exemplar)
        for family in registry.collect()
        for sample in family.samples
        if sample.exemplar
    ]


def test_a_sampled_call_leaves_an_exemplar(metrics, registry, work):
    """A bucket points at the span of its last sampled call, for successes and failures alike."""
    before = time.time()
    with Session(metrics, Spanning(sampled=True)):
        finish(work)
        with pytest.raises(ValueError):
            finish(work, ValueError())
    found = dict(exemplars(registry))
    assert found.keys() == {"ok", "error"}
    for exemplar in found.values():
        assert exemplar.labels == {"trace_id": "ab" * 16, "span_id": "cd" * 8}
        assert 0 < exemplar.value < 1
        assert before <= exemplar.timestamp <= time.time()


@pytest.mark.parametrize("sampled", [False, None])
def test_a_call_that_is_not_sampled_leaves_none(metrics, registry, work, sampled):
    """There is no span to look at, but the call is measured."""
    with Session(metrics, Spanning(sampled=sampled)):
        finish(work)
    assert exemplars(registry) == []


@given(st.lists(st.sampled_from([None, ValueError, KeyError, KeyboardInterrupt, SystemExit]), max_size=400))
def test_the_counts_are_those_of_the_calls(endings):
    """Whatever happens in a session, each call is in exactly one series."""
    registry = CollectorRegistry()
    with Session(Metrics(registry), inherit=False):
        for ending in endings:
            with nullcontext() if ending is None else pytest.raises(ending):
                function(None if ending is None else ending())
    counted = {
        sample.labels["error_type"]: sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "pegboard_task_duration_seconds_count" and sample.value
    }
    assert counted == {
        "" if ending is None else ending.__name__: endings.count(ending) for ending in set(endings)
    }


def test_a_wait_is_measured(metrics, total) -> None:
    """How long a limit held a call back is in a histogram of its own, by task and executor."""

    class Gate:
        name = "gate"

        @hookimpl
        def bind(self):
            async def run(call, proceed):
                call.emit("on_wait", "gate", 2.5)
                return await proceed(call)

            return Layer("gate", Order.LIMIT, run)

    with Session(metrics, Gate()):
        function()
        function()
    labels = {"pegboard_task_name": "work", "pegboard_executor_name": "inline"}
    assert total("pegboard_task_wait_duration_seconds_sum", **labels) == 5
    assert total("pegboard_task_wait_duration_seconds_count", **labels) == 2


def test_executors_tell_how_busy_they_are(metrics, total) -> None:
    """Queue depth and workers by executor, while the session is open; an inner session's are not counted twice."""
    release = threading.Event()

    @task
    def wait():
        release.wait(10)

    labels = {"pegboard_executor_name": "ThreadPoolExecutor"}
    with ThreadPoolExecutor(1) as pool, Session(metrics, executor=pool, inherit=False), Session():
        futures = [wait.submit() for _ in range(3)]
        while not futures[0].running():
            time.sleep(0.001)
        depth = metrics.registry.get_sample_value("pegboard_executor_queue_depth", labels)
        workers = metrics.registry.get_sample_value("pegboard_executor_worker_count", labels)
        release.set()
    assert (depth, workers) == (2, 1)
    assert metrics.registry.get_sample_value("pegboard_executor_worker_count", labels) is None


def test_abandoned_threads_are_a_gauge(metrics, total) -> None:
    """Those of the process that outlived their limit, for as long as they run."""
    release = threading.Event()

    class Limit:
        name = "limit"

        @hookimpl
        def bind(self):
            async def run(call, proceed):
                async with call.timeout(0.01):
                    return await proceed(call)

            return Layer("limit", Order.TIMEOUT, run)

    @task
    def stuck() -> None:
        release.wait(30)

    with Session(metrics, Limit()) as session:
        assert total("pegboard_abandoned_threads") == 0
        assert isinstance(stuck.run().error, TimeoutError)
        assert total("pegboard_abandoned_threads") == 1
        release.set()
        while session.abandoned_threads:
            time.sleep(0.001)
        assert total("pegboard_abandoned_threads") == 0


def test_calls_that_go_on_are_counted_by_their_age(metrics, session):
    """Nested ones each; and none that is over."""

    @task
    def nested(depth):
        return nested(depth - 1) if depth else [metrics.active_longer_than(each) for each in (0, 3600)]

    assert nested(2) == [3, 0]
    assert metrics.active_longer_than(0) == 0
