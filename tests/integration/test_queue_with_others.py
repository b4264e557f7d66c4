"""A queue together with retries, limits of time, caches, metrics, traces and exits of sessions."""

from __future__ import annotations

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry

from pegboard import Cache, Fallback, Metrics, Retry, Session, TaskTimeout, Timeout, Tracing, hookimpl, task
from pegboard.testing import FakeClock
from pegboard_queue import State, TaskManager


class Changes:
    """Keeps the states that items get."""

    name = "changes"

    def __init__(self) -> None:
        self.states: dict[str, list[str]] = {}

    @hookimpl(optionalhook=True)
    def on_item_change(self, item, new) -> None:
        self.states.setdefault(item.name, []).append(str(new))


@pytest.fixture(params=["sync", "async"])
def make(request):
    """Make a task of each colour from a sync body."""

    def build(body, *options, name="probe"):
        async def coroutine(*args):
            return body(*args)

        return task(*options, name=name)(body if request.param == "sync" else coroutine)

    return build


def test_attempts_are_retries_and_one_and_a_failing_item_stops_nobody(make) -> None:
    """Its retries are its states, and the next item runs."""
    changes, clock = Changes(), FakeClock()

    def body():
        raise OSError("down")

    with Session(clock, changes, inherit=False), TaskManager(1) as manager:
        bad = manager.submit(make(body, Retry(2, wait=1)), name="bad")
        good = manager.submit(make(lambda: "well"), name="good")
        manager.join()
    assert (bad.state, bad.attempts, clock.sleeps) == (State.FAILED, 3, [1, 1])
    assert changes.states["bad"] == ["ready", *["running", "retrying"] * 2, "running", "failed"]
    assert good.value == "well"


def test_a_fallback_completes_an_item(make) -> None:
    """What leaves the call decides, not what its attempts did."""

    def body():
        raise OSError("down")

    with Session(FakeClock(), inherit=False), TaskManager(1) as manager:
        item = manager.submit(make(body, Retry(1), Fallback("second best")))
        assert item.wait(5) == "second best"
        assert item.state is State.COMPLETED


def test_a_timeout_fails_an_item() -> None:
    """A call that is out of time has failed like any other."""
    import asyncio

    @task(Timeout(0.02))
    async def slow() -> None:
        await asyncio.sleep(60)

    with Session(inherit=False), TaskManager(1) as manager:
        item = manager.submit(slow)
        with pytest.raises(TaskTimeout):
            item.wait(5)
        assert item.state is State.FAILED


def test_items_share_a_cache(make) -> None:
    """An item is a call like any other."""
    runs = []
    work = make(lambda x: runs.append(x) or x, Cache(ttl=60))
    with Session(inherit=False), TaskManager(1) as manager:
        items = [manager.submit(work, (7,)) for _ in range(3)]
    assert ([item.value for item in items], runs) == ([7] * 3, [7])
    assert [item.attempts for item in items] == [1, 0, 0]


def test_every_item_is_measured_once(make) -> None:
    """Calls, failures and retries as without a queue."""
    errors = [OSError()]

    def body(x):
        if errors:
            raise errors.pop()
        return x

    work = make(body, Retry(1))
    with Session(Metrics(registry=CollectorRegistry()), inherit=False) as session:
        with TaskManager(2) as manager:
            for x in range(10):
                manager.submit(work, (x,))
        stats = session[Metrics].stats(work)
    assert (stats.calls, stats.attempts, stats.failures, stats.retries, stats.active) == (10, 11, 0, 1, 0)


def test_spans_of_items_are_children_of_where_they_were_submitted(make) -> None:
    """Also within an item."""
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    inner = make(lambda: None, name="inner")

    @task
    def outer() -> None:
        manager.submit(inner).wait(5)

    with Session(Tracing(tracer_provider=provider), inherit=False), TaskManager(1) as manager:
        manager.submit(outer).wait(5)
    found = {span.name: span for span in spans.get_finished_spans()}
    assert found["outer"].parent is None
    assert found["inner"].parent.span_id == found["outer"].context.span_id
    assert len(found) == 2


def test_items_submitted_in_an_inner_session_are_served_by_it(make) -> None:
    """And it ends after them, though the manager is an outer one's."""

    class Mark:
        name = "mark"
        calls = 0

        @hookimpl
        def after_execute(self) -> None:
            self.calls += 1

    mark = Mark()
    work = make(lambda: 1)
    with Session(inherit=False), TaskManager(1) as manager:
        manager.submit(work)
        with Session(mark):
            items = [manager.submit(work) for _ in range(20)]
        assert all(item.state is State.COMPLETED for item in items)
        assert mark.calls == 20
