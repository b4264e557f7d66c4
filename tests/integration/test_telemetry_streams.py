"""Traced streams and bodies that are left behind: no span is lost, ended twice or leaked."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import logging
import threading
from collections.abc import Callable, Iterator

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from pegboard import Session, TaskTimeout, Timeout, Tracing, task

Finished = Callable[[str], list[ReadableSpan]]


@pytest.fixture
def finished(caplog: pytest.LogCaptureFixture) -> Iterator[Finished]:
    """Trace the test, and return its finished spans of a name; OpenTelemetry must log nothing."""
    spans = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(spans))
    with caplog.at_level(logging.DEBUG), Session(Tracing(provider), inherit=False, strict=True):
        yield lambda name: [span for span in spans.get_finished_spans() if span.name == name]
    logged = [record for when in ("setup", "call", "teardown") for record in caplog.get_records(when)]
    assert [record for record in logged if record.name.startswith("opentelemetry")] == []
    assert trace.get_current_span() is trace.INVALID_SPAN
    ids = [span.context.span_id for span in spans.get_finished_spans() if span.context]
    assert len(ids) == len(set(ids))


def end_of(span: ReadableSpan) -> tuple[object, StatusCode, int]:
    assert span.attributes is not None
    return span.attributes["pegboard.call.status"], span.status.status_code, len(span.events)


@task(name="stream")
def sync_stream(fails: bool = False):
    yield 1
    if fails:
        raise ValueError("why")
    yield 2


@task(name="stream")
async def async_stream(fails: bool = False):
    yield 1
    await asyncio.sleep(0)
    if fails:
        raise ValueError("why")
    yield 2
    await asyncio.sleep(3600)


def leave_sync(how: str) -> None:
    stream = sync_stream(how == "error")
    next(stream)
    if how == "close":
        stream.close()
    elif how == "close elsewhere":
        closing = threading.Thread(target=contextvars.Context().run, args=(stream.close,))
        closing.start()
        closing.join()
    elif how == "exhaust":
        assert list(stream) == [2]
    elif how == "error":
        with pytest.raises(ValueError):
            next(stream)
    del stream
    gc.collect()


async def leave_async(how: str) -> None:
    stream = async_stream(how == "error")
    await anext(stream)
    if how == "close":
        await stream.aclose()
    elif how == "close elsewhere":
        await asyncio.create_task(stream.aclose(), context=contextvars.Context())
    elif how == "cancel":
        await anext(stream)
        reading = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        reading.cancel()
        await asyncio.wait([reading])
    elif how == "error":
        with pytest.raises(ValueError):
            await anext(stream)
    assert trace.get_current_span() is trace.INVALID_SPAN
    del stream
    gc.collect()
    for _ in range(5):
        await asyncio.sleep(0)


ENDS = {
    "exhaust": ("ok", StatusCode.UNSET, 0),
    "error": ("error", StatusCode.ERROR, 1),
    "close": ("closed", StatusCode.UNSET, 0),
    "close elsewhere": ("closed", StatusCode.UNSET, 0),
    "drop": ("closed", StatusCode.UNSET, 0),
    "cancel": ("cancelled", StatusCode.UNSET, 0),
}


@pytest.mark.parametrize("how", ["exhaust", "error", "close", "close elsewhere", "drop"])
def test_a_sync_stream_is_one_span_however_it_is_left(finished: Finished, how: str) -> None:
    """Ended once, with the status of its end, and nothing leaks into the consumer."""
    leave_sync(how)
    assert [end_of(span) for span in finished("stream")] == [ENDS[how]]


@pytest.mark.parametrize("how", ["error", "close", "close elsewhere", "drop", "cancel"])
def test_an_async_stream_is_one_span_however_it_is_left(finished: Finished, how: str) -> None:
    """Also when another asyncio task closes it, or the collector does."""
    asyncio.run(leave_async(how))
    assert [end_of(span) for span in finished("stream")] == [ENDS[how]]


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
def test_a_coroutine_that_nobody_awaits_has_no_span(finished: Finished) -> None:
    """Nothing ran, so there is nothing to tell, and nothing is logged."""

    @task
    async def never() -> None:
        raise AssertionError

    coroutine = never()
    del coroutine
    gc.collect()
    assert finished("never") == []


def test_a_coroutine_dropped_half_way_is_one_span(finished: Finished) -> None:
    """It ends in the context of whoever collects it, which is not the one that it began in; as one closed early."""

    @task
    async def half() -> None:
        await Once()

    class Once:
        def __await__(self) -> Iterator[None]:
            yield

    coroutine = half()
    contextvars.Context().run(coroutine.send, None)
    del coroutine
    gc.collect()
    assert [end_of(span) for span in finished("half")] == [("closed", StatusCode.UNSET, 0)]


@pytest.mark.parametrize("fails", [False, True], ids=["ends late", "fails late"])
def test_a_body_abandoned_by_a_timeout_is_one_span(finished: Finished, fails: bool) -> None:
    """Ended at the limit as a TaskTimeout; what the body does later is no part of it, and no second end."""
    let_go, over = threading.Event(), threading.Event()

    @task(Timeout(0.05))
    def slow() -> None:
        try:
            let_go.wait(10)
            if fails:
                raise ValueError("too late to be heard")
        finally:
            over.set()

    with pytest.raises(TaskTimeout):
        slow()
    before = [end_of(span) for span in finished("slow")]
    let_go.set()
    assert over.wait(10)
    assert before == [("error", StatusCode.ERROR, 1)]
    (span,) = finished("slow")
    assert end_of(span) == before[0]
    assert span.attributes is not None
    assert span.attributes["error.type"] == "pegboard.errors.TaskTimeout"


@task
def inner() -> None:
    """What body and consumer call."""


def _tracer() -> trace.Tracer:
    from pegboard_tracing import tracer

    return tracer("test")


def test_the_consumer_of_a_stream_is_not_its_child(finished: Finished) -> None:
    """While a stream is suspended, its span is the parent of nothing that the consumer does."""

    @task
    def consumer() -> None:
        for _ in sync_stream():
            inner()
            with _tracer().start_as_current_span("of the consumer"):
                pass

    consumer()
    (whole,) = finished("consumer")
    assert whole.context is not None
    below = [*finished("inner"), *finished("of the consumer"), *finished("stream")]
    assert len(below) == 5
    assert {span.parent.span_id for span in below if span.parent} == {whole.context.span_id}


def test_a_span_that_a_body_holds_open_survives_its_yields(finished: Finished) -> None:
    """It stays the parent of the body's next steps, and the consumer's own span that of the consumer's."""

    @task
    def body():
        with _tracer().start_as_current_span("held open"):
            yield 1
            inner()
            yield 2
            inner()

    with _tracer().start_as_current_span("consumer"):
        for _ in body():
            with _tracer().start_as_current_span("between"):
                pass
    (held,), (consumer,) = finished("held open"), finished("consumer")
    assert held.context is not None
    assert consumer.context is not None
    assert {span.parent.span_id for span in finished("inner") if span.parent} == {held.context.span_id}
    assert {span.parent.span_id for span in finished("between") if span.parent} == {consumer.context.span_id}


def test_a_span_that_an_async_body_holds_open_survives_its_yields(finished: Finished) -> None:
    """The same for an async stream that two asyncio tasks read."""

    @task
    async def body():
        with _tracer().start_as_current_span("held open"):
            yield 1
            inner()
            yield 2
            inner()

    async def read() -> None:
        stream = body()
        await anext(stream)
        with _tracer().start_as_current_span("consumer"):
            await asyncio.create_task(anext(stream))
            with pytest.raises(StopAsyncIteration):
                await anext(stream)

    asyncio.run(read())
    (held,) = finished("held open")
    assert held.context is not None
    assert [span.parent.span_id for span in finished("inner") if span.parent] == [held.context.span_id] * 2
    assert [span.parent for span in finished("consumer")] == [None]
