"""Durable runs and traces: each resume is linked to where the run began."""

from __future__ import annotations

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from pegboard import Durability, Durable, Session, Tracing, task
from pegboard_durable import pause


@task(Durable())
def waits():
    return pause("go"), pause("on")


def spans_of(journal, provider, *, waiting=()):
    """Work on the run in a session of its own, and return the spans of its task."""
    exporter = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    durability = Durability(journal)
    with Session(durability, Tracing(provider)):
        for name in waiting:
            durability.signal("r", name)
        durability.run(waits, run_id="r")
    return [span for span in exporter.get_finished_spans() if span.name == "waits"]


@pytest.fixture
def journal(tmp_path):
    return f"sqlite:///{tmp_path / 'journal.db'}"


def links(span):
    return [(link.attributes["pegboard.link.type"], link.context.span_id) for link in span.links]


def test_every_resume_is_linked_to_the_call_that_began_the_run(journal):
    """And not to the one before it: all of a run are found from one place."""
    (first,) = spans_of(journal, TracerProvider())
    (second,) = spans_of(journal, TracerProvider(), waiting=["go"])
    (third,) = spans_of(journal, TracerProvider(), waiting=["on"])
    assert links(first) == []
    began = [("resume_of", first.get_span_context().span_id)]
    assert (links(second), links(third)) == (began, began)


def test_a_run_whose_begin_was_not_traced_has_no_link(journal):
    """A link would lead nowhere."""
    assert spans_of(journal, TracerProvider(sampler=ALWAYS_OFF)) == []
    (second,) = spans_of(journal, TracerProvider(), waiting=["go"])
    assert links(second) == []
