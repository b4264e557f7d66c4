"""Processors, in the real structlog."""

from __future__ import annotations

import io
import json
import logging

import attrs
import pytest
import structlog

from pegboard import Secret, Session, current_call, task
from pegboard_logs import Logs, add_call_ids, mask_secrets

CANARY = "canary-5e8"


class Table:
    """A value whose repr has several lines, as that of a DataFrame."""

    def __str__(self):
        return "1 row"

    def __repr__(self):
        return "a\nb"


@pytest.fixture
def stream():
    return io.StringIO()


@pytest.fixture
def log(stream):
    """A logger of structlog that writes JSON, configured for itself alone."""
    return structlog.wrap_logger(
        structlog.PrintLogger(stream),
        processors=[
            add_call_ids,
            structlog.processors.format_exc_info,
            mask_secrets,
            structlog.processors.JSONRenderer(),
        ],
    )


def events(stream):
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_events_have_the_ids_of_the_call(log, stream):
    """The names are those of records; outside a call they are empty."""

    @task
    def probe():
        log.info("inside", trace_id="mine")
        return current_call().id

    log.info("outside")
    with Session(Logs(), inherit=False):
        call_id = probe()
    outside, inside = events(stream)
    assert outside == {
        "event": "outside",
        "pegboard_task": "",
        "pegboard_call_id": "",
        "pegboard_attempt": "",
        "trace_id": "",
        "span_id": "",
    }
    assert (inside["pegboard_call_id"], inside["pegboard_task"], inside["pegboard_attempt"]) == (
        call_id,
        "probe",
        1,
    )
    assert inside["trace_id"] == "mine"


def test_secrets_are_masked_in_all_texts(log, stream):
    """In the event, in values inside values, and in the exception; inside a call and outside."""

    @task
    def probe():
        log.error(CANARY, a=[{"b": (CANARY,)}], n=1, exc_info=ValueError(CANARY))

    with Session(Logs(), inherit=False) as session:
        session.masks.add(CANARY)
        probe()
        probe.__wrapped__()
    assert CANARY not in stream.getvalue()
    assert events(stream)[0]["a"] == [{"b": ["***"]}]
    assert events(stream)[0]["exception"] == "ValueError: ***"


@pytest.mark.parametrize("form", ["exception", "true", "tuple"])
def test_stack_traces_of_sensitive_tasks_are_left_out(log, stream, form):
    """Whatever way structlog is given the exception."""

    @task(sensitive=True)
    def probe():
        raise ValueError(CANARY)

    with Session(Logs(), inherit=False):
        try:
            probe()
        except ValueError as error:
            given = {"exception": error, "true": True, "tuple": (ValueError, error, error.__traceback__)}
            log.exception("failed", exc_info=given[form])
    assert CANARY not in stream.getvalue()
    assert events(stream)[0]["exception"].startswith("ValueError (message and stack trace left out")


def test_other_stack_traces_stay(log, stream):
    """The search above can fail."""

    @task
    def probe():
        raise ValueError(CANARY)

    with Session(Logs(), inherit=False):
        try:
            probe()
        except ValueError:
            log.exception("failed")
    assert CANARY in stream.getvalue()


def test_structlog_through_the_handlers_of_logging(root, make_output):
    """Its `ProcessorFormatter` as a handler's formatter: ids by the processor, secrets masked by the plugin."""
    formatter = structlog.stdlib.ProcessorFormatter(
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(),
        ],
        foreign_pre_chain=[add_call_ids],
    )
    handler = make_output(formatter)
    root.addHandler(handler)
    native = structlog.wrap_logger(
        logging.getLogger("native"),
        processors=[add_call_ids, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
    )

    @task
    def probe():
        native.info(f"native\n{CANARY}", key=CANARY)
        logging.getLogger("foreign").info("foreign\n%s", CANARY)

    with Session(Logs(), inherit=False) as session:
        session.masks.add(CANARY)
        probe()
    first, second = handler.events()
    assert (first["event"], first["key"], first["pegboard_task"]) == ("native\n***", "***", "probe")
    assert second["pegboard_task"] == "probe"
    assert CANARY not in handler.text


def test_a_renderer_of_structlog_may_colour(root, make_output):
    """Its own records are left to it, also when what it writes has control characters."""

    def colour(logger, method, event_dict):
        return f"\x1b[1m{event_dict['event']}\x1b[0m {event_dict['key']}"

    formatter = structlog.stdlib.ProcessorFormatter(
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, colour]
    )
    handler = make_output(formatter)
    root.addHandler(handler)
    native = structlog.wrap_logger(
        logging.getLogger("native"),
        processors=[structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    with Session(Logs(), inherit=False):
        native.info("event", key=Table())
    assert handler.text == "\x1b[1mevent\x1b[0m 1 row\n"


@attrs.frozen
class Account:
    token: object


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Secret("x"), "***"),
        ([{"a": (Secret("x"),)}], [{"a": ["***"]}]),
        ({CANARY: 1}, {"***": 1}),
        (Account(CANARY), "Account(token='***')"),
        ({CANARY}, "{'***'}"),
        ("odd \ud800", "odd \\ud800"),
    ],
    ids=["secret", "nested", "key", "attrs", "set", "surrogate"],
)
def test_nothing_of_a_secret_is_in_an_event(log, stream, value, shown):
    """Whatever a value is, known secrets and `Secret` are masked in it, as its renderer would write it."""
    with Session(Logs(), inherit=False) as session:
        session.masks.add(CANARY)
        log.info("it", value=value)
    assert events(stream)[0]["value"] == shown


def test_a_secret_is_masked_outside_of_sessions(log, stream):
    """A list that holds itself included."""
    around = [Secret("x")]
    around.append(around)
    structlog.wrap_logger(
        structlog.PrintLogger(stream), processors=[mask_secrets, structlog.processors.KeyValueRenderer()]
    ).info("it", value=around)
    assert stream.getvalue().startswith("value=['***', ['***', ")
