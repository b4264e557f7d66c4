"""Retries, caches and fallbacks as spans and metrics tell of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from prometheus_client import CollectorRegistry

from pegboard import (
    Cache,
    Caching,
    Fallback,
    Layer,
    Metrics,
    Option,
    Order,
    Retry,
    Session,
    Traced,
    Tracing,
    current_call,
    hookimpl,
    task,
)


@attrs.frozen
class Told:
    """What left a session: its spans, and its metrics."""

    spans: InMemorySpanExporter
    registry: CollectorRegistry

    def all(self, name: str) -> list[ReadableSpan]:
        return [span for span in self.spans.get_finished_spans() if span.name == name]

    def one(self, name: str) -> ReadableSpan:
        (span,) = self.all(name)
        return span

    def value(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0

    def durations(self, task_name: str) -> float:
        """How many duration samples a task has, whatever their labels."""
        return sum(
            sample.value
            for metric in self.registry.collect()
            for sample in metric.samples
            if sample.name == "pegboard_task_duration_seconds_count"
            and sample.labels["pegboard_task_name"] == task_name
        )


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Told]:
    """Trace, measure and cache in the test, in memory unless a task says otherwise."""
    told = Told(InMemorySpanExporter(), CollectorRegistry())
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(told.spans))
    plugins = [Tracing(provider), Metrics(told.registry), Caching()]
    with Session(*plugins, inherit=False, strict=True):
        yield told


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def id_of(span: ReadableSpan) -> int:
    assert span.context is not None
    return span.context.span_id


def links(span: ReadableSpan) -> list[tuple[str, int]]:
    found = [(link.attributes or {}, link.context.span_id) for link in span.links]
    return [(str(each["pegboard.link.type"]), span_id) for each, span_id in found]


def test_two_failures_then_a_value_are_three_chained_attempts(told: Told) -> None:
    """The call's span is clean, attempts 1 and 2 are errors, each is linked to the one before; 2 retries."""

    @task(Retry(3))
    def flaky() -> int:
        call = current_call()
        assert call is not None
        if call.attempt < 3:
            raise ConnectionError("reset")
        return call.attempt

    assert flaky() == 3
    call, first, second, third = (told.one(name) for name in ("flaky", "attempt 1", "attempt 2", "attempt 3"))
    assert (call.status.status_code, len(call.events)) == (StatusCode.UNSET, 0)
    assert attributes(call)["pegboard.call.attempts"] == 3
    codes = [span.status.status_code for span in (first, second, third)]
    assert codes == [StatusCode.ERROR, StatusCode.ERROR, StatusCode.UNSET]
    assert [span.parent.span_id for span in (first, second, third) if span.parent] == [id_of(call)] * 3
    assert links(first) == []
    assert links(second) == [("retry_of", id_of(first))]
    assert links(third) == [("retry_of", id_of(second))]
    labels = {"pegboard_task_name": "flaky", "error_type": "ConnectionError"}
    assert told.value("pegboard_task_retries_total", **labels) == 2


def test_a_hit_is_a_span_that_leads_to_the_one_that_computed_it(told: Told) -> None:
    """Source, no attempt, no duration sample; a lookup counted as a hit, and a link to the miss."""

    @task(Cache(ttl=60))
    def square(x: int) -> int:
        return x * x

    assert (square(3), square(3)) == (9, 9)
    miss, hit = told.all("square")
    assert [attributes(span)["pegboard.call.source"] for span in (miss, hit)] == ["run", "cache"]
    assert [attributes(span)["pegboard.cache.result"] for span in (miss, hit)] == ["miss", "hit"]
    assert (links(miss), links(hit)) == ([], [("served_from", id_of(miss))])
    assert told.durations("square") == 1
    for result in ("hit", "miss"):
        labels = {"pegboard_task_name": "square", "pegboard_cache_result": result}
        assert told.value("pegboard_cache_lookups_total", **labels) == 1


@pytest.mark.parametrize("is_stream", [False, True], ids=["function", "stream"])
def test_a_hit_in_another_process_s_file_leads_there_too(told: Told, tmp_path: Path, is_stream: bool) -> None:
    """The ids are kept with the value, so that a store on disk knows them."""

    def value() -> int:
        return 1

    def items() -> Iterator[int]:
        yield 1

    kept = task(Cache(ttl=60, store=str(tmp_path)), name="kept")(items if is_stream else value)
    kept.run()
    (first,) = told.all("kept")
    told.spans.clear()
    with Session(Caching(tmp_path)):  # opens the folder anew, as another process does
        kept.run()
    assert links(told.one("kept")) == [("served_from", id_of(first))]


def test_a_hit_of_an_untraced_value_has_no_link(told: Told) -> None:
    """Where nobody traced the computation, there is nothing to lead to."""
    caching = Caching()

    @task(Cache(ttl=60))
    def square(x: int) -> int:
        return x * x

    with Session(caching, inherit=False):
        square(3)
    with Session(caching):
        square(3)
    span = told.one("square")
    assert attributes(span)["pegboard.call.source"] == "cache"
    assert links(span) == []


def test_a_fallback_is_told_as_one(told: Told) -> None:
    """The span's source, a clean status, and a sample of its duration."""

    @task(Fallback(0))
    def fails() -> int:
        raise ValueError("why")

    assert fails() == 0
    span = told.one("fails")
    assert attributes(span)["pegboard.call.source"] == "fallback"
    assert span.status.status_code is StatusCode.UNSET
    assert told.durations("fails") == 1


class Journal:
    """Answers every call from a journal."""

    name = "journal"

    @hookimpl
    def bind(self, session: Session, task: Any) -> Layer | None:
        if task.option(Journaled) is None:
            return None

        async def run(call: Any, proceed: Any) -> int:
            call.source = "journal"
            return 1

        return Layer("journal", Order.JOURNAL, run=run)


@attrs.frozen
class Journaled(Option):
    """Asks for the journal."""

    plugin_name = "journal"

    @classmethod
    def plugin(cls) -> type[Journal]:
        return Journal


def test_a_replay_is_told_as_one(told: Told) -> None:
    """Source `journal`, no attempt, and no duration sample; `hits=False` is about caches, and leaves it."""

    @task(Journaled())
    def replayed() -> int:
        raise AssertionError

    @task(Journaled(), Traced(hits=False))
    def also_replayed() -> int:
        raise AssertionError

    assert (replayed(), also_replayed()) == (1, 1)
    for name in ("replayed", "also_replayed"):
        assert attributes(told.one(name))["pegboard.call.source"] == "journal"
        assert told.durations(name) == 0


def test_equal_calls_at_once_lead_to_the_one_that_ran(told: Told) -> None:
    """A call that waited for another's run is a hit of it."""
    import threading

    begun, let_go = threading.Event(), threading.Event()

    @task(Cache(ttl=60))
    def slow(x: int) -> int:
        begun.set()
        assert let_go.wait(10)
        return x

    first = slow.submit(1)
    assert begun.wait(10)
    second = slow.submit(1)
    let_go.set()
    assert (first.result(), second.result()) == (1, 1)
    by_source = {attributes(span)["pegboard.call.source"]: span for span in told.all("slow")}
    assert links(by_source["cache"]) == [("served_from", id_of(by_source["run"]))]
