"""Many items in one request: what is wrong with one costs none of the others."""

from __future__ import annotations

import logging

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from pegboard import Session, task
from pegboard_otlp import OTLP
from pegboard_tracing import Tracing, tracer

log = logging.getLogger("shop")


@task
def invert(x):
    return 1 / x


def attributes(pairs):
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


@pytest.fixture
def session(receiver, metrics):
    """A session that sends spans and log records, and tells what its flush says."""
    otlp = OTLP(receiver.url, metrics=False, logs=True, flush_timeout=10)
    with Session(Tracing(), metrics, otlp, inherit=False) as session:
        session.flush = otlp.flush
        yield session


def test_a_span_that_cannot_be_told_costs_itself_alone(session, receiver, metrics):
    """It is counted, the flush is not whole, and the spans around it arrive."""
    invert(1)
    tracer("app").start_span("before all time", start_time=-1).end()
    invert(2)
    assert session.flush() is False
    assert [span.name for span in receiver.spans] == ["invert", "invert"]
    assert metrics.dropped == [("traces", "invalid", 1)]


def test_a_record_that_cannot_be_told_costs_itself_alone(session, receiver, metrics):
    """It is counted, the flush is not whole, and the records around it arrive."""
    log.warning("before")
    record = log.makeRecord("shop", logging.WARNING, __file__, 1, "before all time", (), None)
    record.created = -1.0
    log.handle(record)
    log.warning("after")
    assert session.flush() is False
    assert [record.body.string_value for _, record in receiver.records] == ["before", "after"]
    assert metrics.dropped == [("logs", "invalid", 1)]


def test_only_what_cannot_be_told_is_no_request(session, receiver, metrics):
    """There is nothing to send."""
    tracer("app").start_span("before all time", start_time=-1).end()
    assert session.flush() is False
    assert receiver.paths == []
    assert metrics.dropped == [("traces", "invalid", 1)]


@pytest.fixture
def unseen():
    """What is logged is not shown by the test runner, which cannot write it down."""
    handlers = list(logging.getLogger().handlers)

    def refuse(record):
        return False

    for handler in handlers:
        handler.addFilter(refuse)
    yield
    for handler in handlers:
        handler.removeFilter(refuse)


SURROGATES = {
    "in the message": lambda: log.warning("cannot read %s", "caf\udce9"),
    "in a field": lambda: log.warning("cannot read", extra={"file": "caf\udce9"}),
    "in a field's name": lambda: log.warning("cannot read", extra={"caf\udce9": 1}),
    "in the logger's name": lambda: logging.getLogger("caf\udce9").warning("cannot read"),
    "in an exception": lambda: log.warning("cannot read", exc_info=ValueError("caf\udce9")),
}


@pytest.mark.usefixtures("unseen")
@pytest.mark.parametrize("where", SURROGATES)
def test_lone_surrogates_of_a_record_are_escaped(session, receiver, metrics, where):
    """As names of files have them; nothing is lost."""
    log.warning("before")
    SURROGATES[where]()
    assert session.flush() is True
    assert len(receiver.records) == 2
    assert b"caf\\udce9" in receiver.bytes


def test_lone_surrogates_of_a_span_are_escaped(session, receiver):
    """In its name, attributes, events and status."""

    @task
    def read():
        with tracer("caf\udce9").start_as_current_span("caf\udce9") as span:
            span.set_attribute("caf\udce9", "caf\udce9")
            span.add_event("caf\udce9", {"file": "caf\udce9"})
            raise FileNotFoundError("caf\udce9")

    read.run()
    assert session.flush() is True
    inner, outer = receiver.spans
    assert (inner.name, outer.status.message) == ("caf\\udce9", "caf\\udce9")
    assert attributes(inner.attributes)["caf\\udce9"] == "caf\\udce9"
    assert attributes(inner.events[0].attributes) == {"file": "caf\\udce9"}


def test_numbers_beyond_64_bits_are_text(session, receiver):
    """In spans and in log records."""
    with tracer("app").start_as_current_span("big") as span:
        span.set_attribute("big", 2**70)
        log.warning("big", extra={"big": 2**70, 7: "a field without a name"})
    assert session.flush() is True
    ((_, record),) = receiver.records
    assert attributes(receiver.spans[0].attributes)["big"] == str(2**70)
    assert attributes(record.attributes)["big"] == str(2**70)
    assert attributes(record.attributes)["7"] == "a field without a name"


def test_records_of_one_logger_are_in_one_scope(session, receiver):
    """So that its name is sent once a request."""
    for _ in range(3):
        log.warning("again")
        logging.getLogger("other").warning("again")
    session.flush()
    (request,) = receiver.of(ExportLogsServiceRequest)
    (resource,) = request.resource_logs
    assert [(each.scope.name, len(each.log_records)) for each in resource.scope_logs] == [
        ("shop", 3),
        ("other", 3),
    ]
