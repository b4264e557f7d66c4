"""Scheduled runs are calls: policies, telemetry and other plugins take part in them."""

from __future__ import annotations

import sys

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry

from pegboard import Metrics, Retry, Session, Timeout, Tracing, hookimpl, task
from pegboard.testing import FakeClock
from pegboard_schedule import At, Every, Scheduling


@pytest.fixture
def clock():
    return FakeClock()


def test_a_scheduled_run_is_retried_and_times_out_like_any_call(clock) -> None:
    """The options of the task hold; the run has its end when the call has it."""
    tries = []

    @task(Retry(2, wait=5), Timeout(30))
    def flaky() -> int:
        tries.append(1)
        if len(tries) < 3:
            raise ConnectionError
        return len(tries)

    with Session(Scheduling(), clock, executor="inline", strict=True) as session:
        session[Scheduling].add(flaky, Every(60))
        clock.advance(60)
        (run,) = session[Scheduling].run_pending()
    assert (run.status, run.value, clock.sleeps) == ("ok", 3, [5, 5])


def test_lateness_is_measured(clock) -> None:
    """Seconds late and runs missed, by task."""
    registry = CollectorRegistry()

    @task(name="job")
    def job() -> None: ...

    with Session(Scheduling(), Metrics(registry), clock, executor="inline", strict=True) as session:
        session[Scheduling].add(job, Every(10))
        clock.advance(10)
        session[Scheduling].run_pending()
        clock.advance(33)
        session[Scheduling].run_pending()
        job()
    labels = {"pegboard_task_name": "job"}
    assert registry.get_sample_value("pegboard_schedule_lateness_seconds_count", labels) == 2
    assert registry.get_sample_value("pegboard_schedule_lateness_seconds_sum", labels) == 3
    assert registry.get_sample_value("pegboard_schedule_missed_total", labels) == 2


def test_each_run_is_a_trace_of_its_own_and_a_fire_can_be_found_in_it(clock) -> None:
    """Not a child of the span in which it was scheduled; an observer of the fire sees the ids of its trace."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    told = []

    class Watch:
        name = "watch"

        @hookimpl
        def on_schedule_fire(self, call, fire) -> None:
            told.append(call.trace_id)

    @task
    def job() -> None: ...

    @task
    def plans(session: Session) -> None:
        session[Scheduling].add(job, At(None))
        session[Scheduling].run_pending()

    plugins = [Scheduling(), Watch(), Tracing(tracer_provider=provider), clock]
    with Session(*plugins, executor="inline", strict=True) as session:
        plans(session)
    spans = {span.name: span for span in exporter.get_finished_spans()}
    assert len(spans) == 2
    (inner,) = [span for name, span in spans.items() if name.endswith("job")]
    assert inner.parent is None
    assert told == [f"{inner.context.trace_id:032x}"]


def test_a_run_counts_as_what_a_shared_limit_says(clock) -> None:
    """The copy that a schedule runs shares what the task has of its own: a breaker, here."""
    from pegboard import Breaker, BreakerOpen

    @task(Breaker(1, recovery=1_000))
    def down() -> None:
        raise ConnectionError

    with Session(Scheduling(), clock, executor="inline", strict=True) as session:
        session[Scheduling].add(down, At(None))
        session[Scheduling].run_pending()
        assert isinstance(down.run().error, BreakerOpen)


def test_importing_it_loads_no_database_nor_http() -> None:
    """Only what every schedule needs is imported with its names."""
    import subprocess

    code = "import sys, pegboard_schedule; print([m for m in ('asyncio', 'prometheus_client') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
