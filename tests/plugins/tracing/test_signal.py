"""Exceptions as events of spans, log records, or both."""

from __future__ import annotations

import os

import pytest
from opentelemetry.sdk._logs import LogRecordProcessor
from opentelemetry.trace import StatusCode

from pegboard import Session, hookimpl, task
from pegboard_tracing import Traced, Tracing

VARIABLE = "OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN"
MESSAGE = "card 4711 refused"


@pytest.fixture
def set_signal():
    """Set the variable, for this test."""
    before = os.environ.pop(VARIABLE, None)

    def set_signal(value):
        if value is not None:
            os.environ[VARIABLE] = value

    yield set_signal
    os.environ.pop(VARIABLE, None)
    if before is not None:
        os.environ[VARIABLE] = before


class KeptLogs(LogRecordProcessor):
    """An exporter of log records, and the processor that it hands out."""

    name = "kept-logs"

    def __init__(self):
        self.records = []
        self.shutdowns = 0

    @hookimpl(optionalhook=True)
    def log_record_processors(self, session):
        return [self]

    def on_emit(self, log_record):
        self.records.append(log_record)

    def shutdown(self):
        self.shutdowns += 1

    def force_flush(self, timeout_millis=30_000):
        return True


def failing(*options, **settings):
    @task(*options, name="fails", **settings)
    def fails():
        raise ValueError(MESSAGE)

    return fails


@pytest.mark.parametrize(
    ("value", "events", "records"),
    [
        (None, 1, 0),
        ("", 1, 0),
        ("logs", 0, 1),
        ("logs/dup", 1, 1),
        (" http , logs ", 0, 1),
        ("something", 1, 0),
    ],
)
def test_the_variable_chooses(kept, set_signal, value, events, records):
    """`logs` is a record, `logs/dup` both, anything else the event; the status is the same in every case."""
    set_signal(value)
    logs = KeptLogs()
    with Session(Tracing(), kept, logs, inherit=False, strict=True):
        failing().run()
    span = kept.span("fails")
    assert (len(span.events), len(logs.records)) == (events, records)
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes["error.type"] == "ValueError"


def test_a_record_says_what_the_event_would(kept, set_signal):
    """The same attributes, in the trace of the innermost span, from the scope of Pegboard, once."""
    set_signal("logs")
    logs = KeptLogs()
    fails = failing()

    @task
    def caller():
        fails()

    with Session(Tracing(), kept, logs, inherit=False, strict=True):
        caller.run()
    (found,) = logs.records
    record, span = found.log_record, kept.span("fails")
    assert (record.trace_id, record.span_id) == (span.context.trace_id, span.context.span_id)
    assert (record.event_name, record.severity_text) == ("exception", "ERROR")
    assert record.attributes["exception.type"] == "ValueError"
    assert record.attributes["exception.message"] == MESSAGE
    assert f"ValueError: {MESSAGE}" in record.attributes["exception.stacktrace"]
    assert found.instrumentation_scope.name == "pegboard"
    assert found.instrumentation_scope.schema_url.startswith("https://opentelemetry.io/schemas/")
    assert logs.shutdowns == 1


@pytest.mark.parametrize("how", ["sensitive", "messages=False", "secret"])
def test_records_keep_what_events_keep(kept, set_signal, how):
    """No message where none is to be shown, and no known secret in one."""
    set_signal("logs")
    logs = KeptLogs()
    options = [Traced(messages=False)] if how == "messages=False" else []
    with Session(Tracing(), kept, logs, inherit=False, strict=True) as session:
        if how == "secret":
            session.masks.add(MESSAGE)
        failing(*options, sensitive=how == "sensitive").run()
    (found,) = logs.records
    attributes = found.log_record.attributes
    assert MESSAGE not in str(dict(attributes))
    assert ("exception.message" in attributes) is (how == "secret")


def test_a_failed_group_follows_it_too(kept, set_signal):
    """An error that no call recorded, such as one of a map's input, is a record as well."""
    set_signal("logs")
    logs = KeptLogs()

    def inputs():
        yield 1
        raise LookupError("no more")

    with Session(Tracing(), kept, logs, inherit=False, strict=True), pytest.raises(LookupError):
        task(name="leaf")(lambda x: x).map(inputs())
    assert [each.log_record.attributes["exception.type"] for each in logs.records] == ["LookupError"]
    assert kept.span("map leaf").events == ()


def test_without_an_exporter_the_application_s_provider_gets_them(kept, set_signal):
    """There is none here: nothing is set, nothing fails, and no event is written."""
    set_signal("logs")
    with Session(Tracing(), kept, inherit=False, strict=True):
        failing().run()
    assert kept.span("fails").events == ()


def test_a_processor_that_is_none_is_refused_in_words(kept, set_signal):
    """The session goes on: what an observer raises changes nothing, and is counted."""
    set_signal("logs")

    class Broken:
        name = "broken"

        @hookimpl(optionalhook=True)
        def log_record_processors(self, session):
            return [object()]

    with Session(Tracing(), kept, Broken(), inherit=False) as session:
        assert isinstance(failing().run().error, ValueError)
        (failures,) = session.observer_errors.values()
    assert failures == 1
    assert kept.span("fails").status.status_code is StatusCode.ERROR
