"""A cluster with plugins that time, repeat, measure and trace: all of them at the caller's."""

from __future__ import annotations

import time

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry

from pegboard import (
    Dask,
    Metrics,
    On,
    Retry,
    Session,
    TaskTimeout,
    Timeout,
    Tracing,
    current_call,
    hookimpl,
    task,
)
from pegboard.testing import Recorder


@pytest.fixture(scope="module")
def client():
    """A client of a cluster on this machine, that all tests use."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            scheduler_kwargs={"dashboard": False},
        ) as cluster,
        Client(cluster, set_as_default=False) as made,
    ):
        yield made


def test_retries_are_the_callers(client, tmp_path):
    """A retry sends the function again, with the number of the attempt; events are told here, in pairs."""
    recorder = Recorder()

    @task(On("dask"), Retry(2, on=OSError))
    def flaky():
        attempt = current_call().attempt
        if attempt < 3:
            raise OSError(f"attempt {attempt}")
        return attempt

    with Session(Dask(client=client), recorder, inherit=False):
        assert flaky() == 3
    assert [event.details["attempt"] for event in recorder.of("on_retry")] == [1, 2]
    assert recorder.unbalanced() == []


def test_a_timeout_ends_the_wait(client):
    """A function that takes too long on a worker ends with `TaskTimeout` here, on time."""

    @task(On("dask"), Timeout(0.2))
    def slow():
        time.sleep(1.0)

    with Session(Dask(client=client), inherit=False):
        began = time.monotonic()
        with pytest.raises(TaskTimeout):
            slow()
        assert time.monotonic() - began < 0.9


def test_nested_calls_are_counted_here(client):
    """Calls that a function makes in a worker are in the registry at home, with those made here."""

    @task
    def inner(number):
        return number

    @task
    def outer(number):
        return sum(inner.map(range(number)))

    metrics = Metrics(CollectorRegistry())
    with Session(Dask(client=client), metrics, executor="dask", inherit=False) as session:
        assert outer.map([2, 3]) == [1, 3]
        assert session[Metrics].stats(outer).calls == 2
        assert session[Metrics].stats(inner).calls == 5


class Kept:
    """Keeps the spans that end here."""

    name = "kept"

    def __init__(self):
        self.exporter = InMemorySpanExporter()

    @hookimpl(optionalhook=True)
    def span_processors(self, session):
        return [SimpleSpanProcessor(self.exporter)]


def test_the_trace_goes_on_in_the_worker(client):
    """The span that is current in a worker's function is that of its call at home."""

    @task(On("dask"))
    def ids():
        span = trace.get_current_span().get_span_context()
        return span.trace_id, span.span_id, current_call().trace_id

    kept = Kept()
    with Session(Dask(client=client), Tracing(), kept, inherit=False):
        trace_id, span_id, of_call = ids()
    (span,) = kept.exporter.get_finished_spans()
    assert (span.context.trace_id, span.context.span_id) == (trace_id, span_id)
    assert of_call == f"{trace_id:032x}"
