"""Log records over OTLP: with the ids of their call, without secrets, and never about themselves."""

from __future__ import annotations

import logging

import pytest

from pegboard import Secret, Session, current_call, task
from pegboard_otlp import OTLP
from pegboard_tracing import Tracing

log = logging.getLogger("shop.orders")


def attributes(record):
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in record.attributes}


@pytest.fixture
def session(receiver, metrics):
    """A session whose log records are sent when it ends; `end` ends it and returns them."""
    session = Session(Tracing(), metrics, OTLP(receiver.url, logs=True), inherit=False, strict=True)
    session.__enter__()

    def end():
        session.__exit__(None, None, None)
        return receiver.records

    session.end = end
    yield session
    if session.is_open:
        end()


def test_a_record_has_text_severity_and_place(session):
    """The level's number as OpenTelemetry counts, the logger's name as scope, the message filled in."""
    for level in (logging.WARNING, logging.ERROR, logging.CRITICAL, 35):
        log.log(level, "sold %d of %s", 3, "apples")
    records = session.end()
    assert {name for name, _ in records} == {"shop.orders"}
    severities = [(record.severity_text, record.severity_number) for _, record in records]
    assert severities == [("WARN", 13), ("ERROR", 17), ("FATAL", 21), ("WARN", 13)]
    record = records[0][1]
    assert record.body.string_value == "sold 3 of apples"
    assert attributes(record)["code.function.name"] == "test_a_record_has_text_severity_and_place"
    assert record.observed_time_unix_nano >= record.time_unix_nano > 0


def test_a_record_of_a_task_has_its_ids(session, receiver):
    """Trace and span for the back end, task, call and attempt for people."""

    @task
    def sell():
        log.warning("sold")
        return current_call().id

    call_id = sell()
    log.warning("outside")
    (_, inside), (_, outside) = session.end()
    (span,) = receiver.spans
    assert (inside.trace_id, inside.span_id) == (span.trace_id, span.span_id)
    found = attributes(inside)
    assert found["pegboard.task.name"] == "sell"
    assert (found["pegboard.call.id"], found["pegboard.attempt"]) == (call_id, 1)
    assert not any(outside.trace_id)
    assert "pegboard.call.id" not in attributes(outside)


def test_fields_of_the_user_are_attributes(session):
    """Numbers as they are, all else as text; what cannot be shown is its type."""
    log.warning("sold", extra={"count": 3, "paid": True, "who": ("a", 1), "key": Secret("canary")})
    ((_, record),) = session.end()
    found = attributes(record)
    assert (found["count"], found["paid"], found["who"]) == (3, True, "('a', 1)")
    assert "canary" not in str(record)


def test_only_enabled_records_are_sent(session):
    """Levels of loggers count as for every handler."""
    log.debug("too quiet")
    assert session.end() == []


def test_an_exception_is_sent_with_its_stack(session):
    """As type, message and stack trace."""

    @task
    def sell():
        try:
            {}["canary"]
        except KeyError:
            log.exception("failed")

    sell()
    ((_, record),) = session.end()
    found = attributes(record)
    assert (found["exception.type"], found["exception.message"]) == ("KeyError", "'canary'")
    assert '{}["canary"]' in found["exception.stacktrace"]


def test_an_exception_of_a_sensitive_task_is_its_type_alone(session):
    """Nothing of its message leaves."""

    @task(sensitive=True)
    def sell():
        try:
            {}["canary"]
        except KeyError:
            log.exception("failed")

    sell()
    ((_, record),) = session.end()
    assert attributes(record)["exception.type"] == "KeyError"
    assert "canary" not in str(record)


def test_an_exception_that_left_a_sensitive_task_is_its_type_alone(session):
    """Where it is logged outside of it, as itself or as a cause."""

    @task(sensitive=True)
    def sell():
        return {}["canary"]

    error = sell.run().error
    log.error("failed with %r, as asyncio says it", error, exc_info=error)
    around = LookupError()
    around.__cause__ = error
    log.error("failed", exc_info=around)
    for _, record in session.end():
        assert "canary" not in str(record)
        assert attributes(record)["exception.type"] in ("KeyError", "LookupError")


def test_known_secrets_are_masked(session):
    """In messages, fields and exceptions."""
    session.masks.add("canary-of-a-secret")
    try:
        int("canary-of-a-secret")
    except ValueError:
        log.exception("with canary-of-a-secret", extra={"key": "canary-of-a-secret"})
    ((_, record),) = session.end()
    assert "canary-of-a-secret" not in str(record)
    assert record.body.string_value == "with ***"


def test_a_record_that_cannot_be_formatted_harms_nobody(session, metrics, capsys):
    """As with every handler: the error is shown on standard error, and the program goes on; it is counted, too."""
    handler = session.plugins["otlp"]._deliveries[session]._handler  # pytest's own handlers would raise
    handler.handle(log.makeRecord(log.name, logging.WARNING, __file__, 1, "sold %d", ("apples",), None))
    log.warning("after")
    assert [record.body.string_value for _, record in session.end()] == ["after"]
    assert "Logging error" in capsys.readouterr().err
    assert metrics.dropped == [("logs", "invalid", 1)]


def test_what_the_exporter_logs_is_not_sent(receiver, metrics, caplog):
    """Or a failing collector would be told of its failures, each of which fails."""
    caplog.set_level(logging.DEBUG)
    receiver.status = 403
    otlp = OTLP(receiver.url, logs=True, flush_timeout=5)
    with Session(Tracing(), metrics, otlp, inherit=False):
        log.warning("one")
        otlp.flush()
        receiver.status = 200
    assert receiver.records == []


def test_the_handler_is_there_only_while_the_session_is(receiver, metrics):
    """The root logger has the handlers that it had."""
    before = list(logging.getLogger().handlers)
    with Session(OTLP(receiver.url, logs=True, traces=False, metrics=False), inherit=False):
        assert len(logging.getLogger().handlers) == len(before) + 1
    assert logging.getLogger().handlers == before
    log.warning("after the end")
    assert receiver.records == []


def test_exceptions_are_log_records_where_the_environment_says_so(receiver, metrics, monkeypatch):
    """`OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN=logs`: one record with the span's ids, and no event on the span."""
    monkeypatch.setenv("OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN", "logs")

    @task
    def fails():
        raise ValueError("why")

    with Session(Tracing(), metrics, OTLP(receiver.url, logs=True), inherit=False, strict=True):
        fails.run()
    (span,) = receiver.spans
    ((scope, record),) = receiver.records
    assert not span.events
    assert (scope, record.event_name) == ("pegboard", "exception")
    assert (record.trace_id, record.span_id) == (span.trace_id, span.span_id)
