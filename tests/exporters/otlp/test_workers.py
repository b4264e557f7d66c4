"""Worker processes: their spans, and what is measured there."""

from __future__ import annotations

import pytest
from opentelemetry import trace

from pegboard import Processes, Session, current_call, task
from pegboard_otlp import OTLP
from pegboard_tracing import Tracing, tracer

METHODS = ["forkserver", "spawn", "fork"]


def calls_counted(metrics, name):
    count = metrics.registry.get_sample_value(
        "pegboard_task_duration_seconds_count",
        {
            "pegboard_task_name": name,
            "pegboard_call_status": "ok",
            "pegboard_call_source": "run",
            "error_type": "",
        },
    )
    return 0 if count is None else count


@pytest.mark.parametrize("method", METHODS)
def test_spans_of_workers_have_the_right_parents_and_one_count_has_all(method, receiver, metrics):
    """Three placed tasks, each with a nested call and a span of the user's: one trace each, everything counted here."""

    @task
    def inner(x):
        return x + 1

    @task
    def outer(x):
        with tracer("mine").start_as_current_span("by hand"):
            return inner(x), current_call().trace_id

    with (
        Processes(2, start_method=method) as pool,
        Session(Tracing(), metrics, OTLP(receiver.url), executor=pool, inherit=False),
    ):
        results = [future.result() for future in [outer.submit(x) for x in range(3)]]
    by_id = {span.span_id: span for span in receiver.spans}
    inners = [span for span in receiver.spans if span.name == "inner"]
    assert [value for value, _ in results] == [1, 2, 3]
    assert len(inners) == 3
    for span in inners:
        by_hand = by_id[span.parent_span_id]
        above = by_id[by_hand.parent_span_id]
        assert (by_hand.name, above.name, above.parent_span_id) == ("by hand", "outer", b"")
        assert span.trace_id == by_hand.trace_id == above.trace_id
    assert {trace_id for _, trace_id in results} == {span.trace_id.hex() for span in inners}
    assert (calls_counted(metrics, "inner"), calls_counted(metrics, "outer")) == (3, 3)


@pytest.mark.parametrize("method", METHODS)
def test_a_worker_that_is_recycled_sends_its_spans_first(method, receiver, metrics):
    """Ten calls, a new worker for each: ten spans, and a count of ten."""

    @task
    def inner(x):
        return x

    @task
    def outer(x):
        return inner(x)

    with (
        Processes(2, start_method=method, recycle_after=1) as pool,
        Session(Tracing(), metrics, OTLP(receiver.url), executor=pool, inherit=False),
    ):
        assert [future.result() for future in [outer.submit(x) for x in range(10)]] == list(range(10))
    assert len([span for span in receiver.spans if span.name == "inner"]) == 10
    assert calls_counted(metrics, "inner") == 10


def test_a_map_on_processes_is_one_trace_and_counts_every_execution(receiver, metrics):
    """The items of a map are the children of its span, their nested calls the items'; counted once each."""

    @task
    def inner(x):
        return x

    @task
    def item(x):
        return inner(x)

    with (
        Processes(2) as pool,
        Session(Tracing(), metrics, OTLP(receiver.url), executor=pool, inherit=False),
    ):
        item.map(range(50))
    (whole,) = [span for span in receiver.spans if span.name == "map item"]
    items = {span.span_id: span for span in receiver.spans if span.name == "item"}
    inners = [span for span in receiver.spans if span.name == "inner"]
    assert {span.parent_span_id for span in items.values()} == {whole.span_id}
    assert {span.parent_span_id for span in inners} == set(items)
    assert (len(items), len(inners)) == (50, 50)
    assert (calls_counted(metrics, "inner"), calls_counted(metrics, "item")) == (50, 50)


def test_no_span_is_made_in_a_worker_below_one_that_is_over_the_budget(receiver, metrics):
    """A map's budget holds for what its items call in workers, too."""

    @task
    def inner(x):
        return x

    @task
    def item(x):
        return inner(x)

    with (
        Processes(2) as pool,
        Session(Tracing(span_budget=5), metrics, OTLP(receiver.url), executor=pool, inherit=False),
    ):
        item.map(range(50))
    assert len([span for span in receiver.spans if span.name == "inner"]) == 5


def test_workers_leave_the_global_provider_alone(receiver, metrics):
    """Also in a worker, nothing sets a global provider."""

    @task
    def item(x):
        return type(trace.get_tracer_provider()).__name__

    with (
        Processes(1) as pool,
        Session(Tracing(), metrics, OTLP(receiver.url), executor=pool, inherit=False),
    ):
        assert item.map([1]) == ["ProxyTracerProvider"]
