"""What seeing a call costs, against the bare libraries in the same run."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from opentelemetry import context, trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Sampler
from prometheus_client import CollectorRegistry, Gauge, Histogram

from benchmarks.calls import in_session
from benchmarks.measure import Figure, Row, measure, plain, ready, repeat, table
from pegboard import JSONLines, Logs, Metrics, Session, Tracing, task

# A traced call may take this much longer than the bare span, in microseconds on the reference machine.
TRACED_MORE = 3.0
SAMPLED_OUT_MORE = 4.0


_log = logging.getLogger("benchmarks")
_log.propagate = False
_handler = logging.StreamHandler(Path(os.devnull).open("w"))  # noqa: SIM115 - lives as long as the process
_log.addHandler(_handler)


class Nowhere(SpanExporter):
    """Takes spans and drops them."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:  # noqa: ARG002
        return SpanExportResult.SUCCESS


def provider(sampler: Sampler) -> TracerProvider:
    made = TracerProvider(sampler=sampler, shutdown_on_exit=False)
    made.add_span_processor(SimpleSpanProcessor(Nowhere()))
    return made


def bare_span(sampler: Sampler) -> Callable[[int], object]:
    """What tracing one call takes without Pegboard: start with six attributes, attach, run, detach, end."""
    tracer = provider(sampler).get_tracer("bare")
    attributes = {
        f"attribute.{name}": name for name in ("task", "call", "session", "code", "status", "source")
    }

    def once() -> None:
        span = tracer.start_span("plain", attributes=attributes)
        token = context.attach(trace.set_span_in_context(span))
        try:
            plain(1)
        finally:
            context.detach(token)
            span.end()

    return repeat(once)


def traced(sampler: Sampler) -> Callable[[int], object]:
    return in_session(repeat(task(plain), 1), Tracing(tracer_provider=provider(sampler)))


def bare_metrics() -> Callable[[int], object]:
    """What a histogram, a gauge and a timestamp take with prometheus-client alone, children resolved beforehand."""
    registry = CollectorRegistry()
    duration = Histogram("bare_seconds", "-", ["task"], registry=registry).labels("plain")
    active = Gauge("bare_active", "-", ["task"], registry=registry).labels("plain")
    success = Gauge("bare_success", "-", ["task"], registry=registry).labels("plain")

    def once() -> None:
        active.inc()
        begun = time.perf_counter()
        plain(1)
        duration.observe(time.perf_counter() - begun)
        active.dec()
        success.set(time.time())

    return repeat(once)


def metrics_rows() -> list[Row]:
    """What counting and timing a call takes."""
    return [
        Row("bare prometheus-client: three instruments", lambda: ready(bare_metrics())),
        Row("metered", in_session(repeat(task(plain), 1), Metrics(CollectorRegistry())), 1.5),
    ]


@contextmanager
def lines(*plugins: object) -> Iterator[Callable[[int], object]]:
    """Calls that leave a line of JSON each, in a file that drops it."""
    with Session(*plugins, JSONLines(Path(os.devnull).open("w")), inherit=False):
        yield repeat(task(plain), 1)


def record() -> Callable[[int], object]:
    """One log record, formatted and dropped."""
    return repeat(_log.warning, "one line")


@contextmanager
def logged() -> Iterator[Callable[[int], object]]:
    with Session(Logs(handlers=[_handler]), inherit=False):
        yield record()


def other_rows() -> list[Row]:
    """Lines, log records, and everything at once."""
    registry, sampler = CollectorRegistry(), provider(ALWAYS_OFF)
    everything = (Tracing(tracer_provider=sampler), Metrics(registry), Logs(handlers=[_handler]))
    return [
        Row("a log record, bare", lambda: ready(record()), times=2_000),
        Row("a log record, with the ids of its call", logged, times=2_000),
        Row("a call as a line of JSON", lines, times=2_000),
        Row("traced (sampled out), metered, logged, lines", lambda: lines(*everything), times=2_000),
    ]


def tracing_rows() -> list[Row]:
    """A span a call, sampled and not, bare and by Pegboard."""
    return [
        Row("bare SDK span, sampled", lambda: ready(bare_span(ALWAYS_ON)), times=1_000),
        Row("traced, sampled", traced(ALWAYS_ON), times=1_000),
        Row("bare SDK span, sampled out", lambda: ready(bare_span(ALWAYS_OFF)), times=2_000),
        Row("traced, sampled out", traced(ALWAYS_OFF), times=2_000),
    ]


def more_than(bare: Figure, pegboard: Figure, allowed: float) -> str:
    """Say how much a traced call takes beyond the bare span."""
    more = pegboard.reference - bare.reference
    verdict = "ok" if more <= allowed else "OVER"
    return (
        f"{pegboard.row.name}: {more:+.2f} us (reference) over the bare span, goal {allowed:+.1f} {verdict}"
    )


def report() -> str:
    """Measure and lay out both tables."""
    bare_on, on, bare_off, off = figures = measure(tracing_rows())
    return "\n".join(
        [
            table("Metrics", measure(metrics_rows())),
            table("Lines and log records, and all together", measure(other_rows())),
            table("Tracing, with an exporter that drops everything", list(figures)),
            more_than(bare_on, on, TRACED_MORE),
            more_than(bare_off, off, SAMPLED_OUT_MORE),
        ]
    )
