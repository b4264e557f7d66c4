"""Ids of spans and traces: of a generator that no other code draws from or seeds."""

from __future__ import annotations

import os
import random

import pytest
from opentelemetry.sdk.trace import SpanProcessor

from pegboard import Session, current_call, hookimpl, task
from pegboard_tracing import Tracing, tracer
from pegboard_tracing._ids import new_span_id, new_trace_id


class Exporter:
    """Has tracing make a provider of its own, and keeps the ids of its spans."""

    name = "exporter"

    def __init__(self):
        self.spans = []

    @hookimpl
    def span_processors(self):
        keep = self.spans.append

        class Keeping(SpanProcessor):
            def on_end(self, span):
                keep((span.context.trace_id, span.context.span_id))

        return [Keeping()]


@task
def inner():
    with tracer(__name__).start_as_current_span("of the user"):
        return current_call().id


@task
def seeded(_):
    random.seed(42)
    inner()
    return random.random()


def test_a_task_that_seeds_random_repeats_no_id():
    """Of its own spans, those below, those of the user, and those of a map that has more items than spans."""
    exporter = Exporter()
    with Session(Tracing(span_budget=2), exporter, executor="inline", inherit=False):
        for _ in range(3):
            seeded(0)
        seeded.map(range(6))
    ids = [span for _, span in exporter.spans]
    assert len(ids) == len(set(ids))
    assert len({trace for trace, _ in exporter.spans}) == 4


def test_tracing_changes_no_result_of_a_seeded_program():
    """The numbers it draws are those it draws without."""

    def results():
        random.seed(7)
        return [seeded(0), *(inner() and random.random() for _ in range(3))]

    with Session(inherit=False):
        plain = results()
    with Session(Tracing(), Exporter(), inherit=False):
        assert results() == plain


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_forked_children_draw_other_ids():
    """Than their parent would, and than each other."""

    def drawn_in_child():
        read, write = os.pipe()
        if os.fork() == 0:
            os.write(write, f"{new_trace_id()} {new_span_id()}".encode())
            os._exit(0)
        os.wait()
        os.close(write)
        with os.fdopen(read) as text:
            return text.read().split()

    drawn = [*drawn_in_child(), *drawn_in_child(), str(new_trace_id()), str(new_span_id())]
    assert len(set(drawn)) == 6


def test_an_id_is_never_none():
    """Which 0 means to OpenTelemetry."""
    assert 0 < new_span_id() < 2**64
    assert 0 < new_trace_id() < 2**128
