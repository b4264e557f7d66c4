"""What the span processor takes."""

from __future__ import annotations

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult

from pegboard import Session, task
from pegboard_otlp import OTLP
from pegboard_otlp._spans import QueueingProcessor
from pegboard_tracing import Tracing, tracer


class Taking:
    """An outbox that keeps what it is given."""

    def __init__(self):
        self.items = []
        self.put = self.items.append


class ByName(Sampler):
    """Samples spans of the name `yes`, and records the others for processors of this process alone."""

    def should_sample(self, parent_context, trace_id, name, *args, **kwargs):
        return SamplingResult(Decision.RECORD_AND_SAMPLE if name == "yes" else Decision.RECORD_ONLY)

    def get_description(self):
        return "ByName"


def test_only_sampled_spans_are_taken():
    """A span that is recorded and not sampled is for this process, not for the collector."""
    provider = TracerProvider(sampler=ByName(), shutdown_on_exit=False)
    outbox = Taking()
    provider.add_span_processor(QueueingProcessor(outbox))
    for name in ("yes", "no"):
        provider.get_tracer("test").start_span(name).end()
    assert [span.name for span in outbox.items] == ["yes"]


def test_the_users_own_spans_go_the_same_way(receiver, metrics):
    """Those of `pegboard_tracing.tracer`, below the task's; and `force_flush` of their provider sends them."""

    @task
    def buy():
        with tracer("shop").start_as_current_span("pay"):
            pass

    with Session(Tracing(), metrics, OTLP(receiver.url), inherit=False) as session:
        buy()
        assert session.plugins["tracing"].provider_of(session).force_flush(10_000)
        assert [span.name for span in receiver.spans] == ["pay", "buy"]
    pay, buy_span = receiver.spans
    assert pay.parent_span_id == buy_span.span_id
