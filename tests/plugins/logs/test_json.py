"""One record is one line of JSON."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pegboard import Secret, Session, task
from pegboard_logs import JSONFormatter, Logs

HOSTILE = '\n[ERROR] \x1b[31m\u2028\u2029\x7f\x85\x00"\\\ud800é</script>'


@pytest.fixture
def session(output):
    """An open session that writes JSON and knows a secret."""
    with Session(Logs(json=True), inherit=False, strict=True) as opened:
        opened.masks.add('hunt"22é')
        yield opened


def record(message="line", args=None, **fields):
    return logging.makeLogRecord({"name": "app", "levelname": "INFO", "msg": message, "args": args} | fields)


def test_a_line_has_these_keys_and_no_other(log, output, session):
    """In this order; outside a call the ids are there and empty."""
    log.warning("hello %s", "you")
    event = output.events()[0]
    when = datetime.fromisoformat(event.pop("timestamp"))
    assert when.tzinfo == UTC
    assert abs((datetime.now(UTC) - when).total_seconds()) < 60
    assert event == {
        "level": "WARNING",
        "logger": "app",
        "message": "hello you",
        "pegboard_task": "",
        "pegboard_call_id": "",
        "pegboard_attempt": "",
        "trace_id": "",
        "span_id": "",
    }


def test_times_are_rfc_3339_in_utc():
    """With six digits, whatever the machine's zone; the kept text of a second is not used for another."""
    formatter = JSONFormatter()
    times = [json.loads(formatter.format(record(created=at)))["timestamp"] for at in (0.25, 1.7e9, 0.5)]
    assert times == [
        "1970-01-01T00:00:00.250000Z",
        "2023-11-14T22:13:20.000000Z",
        "1970-01-01T00:00:00.500000Z",
    ]


def test_ids_come_without_the_filter(log, root, make_output):
    """In a configuration of its own the formatter finds the call, and masks what its session knows."""
    handler = make_output(JSONFormatter())
    root.addHandler(handler)

    @task
    def probe():
        log.info("hunter22")

    with Session(inherit=False) as session:
        session.masks.add("hunter22")
        probe()
    event = handler.events()[0]
    assert (event["pegboard_task"], event["pegboard_attempt"], event["message"]) == ("probe", 1, "***")


def test_an_exception_has_type_message_and_stack(log, output, session):
    """With its causes, in one line."""
    try:
        try:
            int("x")
        except ValueError as cause:
            raise json.JSONDecodeError("bad", "doc", 0) from cause
    except json.JSONDecodeError:
        log.exception("failed")
    exception = output.events()[0]["exception"]
    assert exception["type"] == "json.decoder.JSONDecodeError"
    assert exception["message"] == "bad: line 1 column 1 (char 0)"
    assert "invalid literal" in exception["stack"]
    assert exception["stack"].startswith("Traceback")


@pytest.mark.parametrize("kind", [KeyboardInterrupt, GeneratorExit, SystemExit])
def test_what_is_no_failure_has_a_type_too(kind):
    """Any exception may be logged."""
    assert (
        json.loads(JSONFormatter().format(record(exc_info=(kind, kind(), None))))["exception"]["type"]
        == kind.__name__
    )


def test_an_exception_whose_text_fails_is_written():
    """A broken `__str__` loses no record."""

    class BrokenError(Exception):
        def __str__(self):
            raise RuntimeError

    shown = json.loads(JSONFormatter().format(record(exc_info=(BrokenError, BrokenError(), None))))[
        "exception"
    ]
    assert shown["message"] == ""
    assert "str() failed" in shown["stack"]


def test_no_exception_at_all_and_one_formatted_elsewhere():
    """`exc_info=True` where nothing was raised, and a record from a queue."""
    assert json.loads(JSONFormatter().format(record(exc_info=(None, None, None))))["exception"] == {}
    assert json.loads(JSONFormatter().format(record(exc_text="Traceback")))["exception"] == {
        "stack": "Traceback"
    }


def test_a_stack_that_was_asked_for(log, output, session):
    """`stack_info` has a key of its own."""
    log.info("here", stack_info=True)
    assert output.events()[0]["stack"].startswith("Stack (most recent call last)")


def test_extra_fields_stand_beside_the_others(log, output, session):
    """Under their own names, unless they would hide one of ours; the caller's trace id counts."""
    log.info("line", extra={"order": 7, "level": "mine", "exception": [1], "trace_id": "t"})
    event = output.events()[0]
    assert event["order"] == 7
    assert (event["level"], event["extra_level"]) == ("INFO", "mine")
    assert event["extra_exception"] == [1]
    assert event["trace_id"] == "t"


def test_everything_is_masked(log, output, session):
    """Message, arguments, extra fields and their names, exceptions; also a secret that JSON writes differently."""
    secret = 'hunt"22é'
    log.error(
        "a %s",
        secret,
        exc_info=ValueError(secret),
        extra={"a": [{"b": secret}], secret: {secret: 1}, "c": (secret,)},
    )
    event = output.events()[0]
    assert event["message"] == "a ***"
    assert (event["a"], event["***"], event["c"]) == ([{"b": "***"}], {"***": 1}, ["***"])
    assert "hunt" not in output.text


def test_arguments_that_do_not_fit_lose_no_record(log, output, session):
    """The message says so; no value is shown."""
    log.info("no place", 1)  # noqa: PLE1205 - the mistake
    log.info("%d", "canary")
    log.info(object(), 1)
    assert [event["message"] for event in output.events()] == [
        "no place <arguments that do not fit: TypeError>",
        "%d <arguments that do not fit: TypeError>",
        "object <arguments that do not fit: TypeError>",
    ]


def test_hostile_texts_stay_in_their_line(log, output, session):
    """In names, messages, extra fields and errors; what is read back is the text as it was."""

    def hostile():
        logging.getLogger(HOSTILE).info(HOSTILE, extra={HOSTILE: HOSTILE}, exc_info=ValueError(HOSTILE))

    hostile.__qualname__ = "task" + HOSTILE
    task(hostile)()
    assert len(output.text.splitlines()) == 1
    assert output.text[:-1].isprintable()
    assert output.text.isascii()
    event = output.events()[0]
    assert event["message"] == event["logger"] == event[HOSTILE] == event["exception"]["message"] == HOSTILE
    assert event["pegboard_task"].startswith("task\\n[ERROR] ")


def test_a_secret_object_shows_as_stars(log, output, session):
    """Wherever it is handed over."""
    log.info("a %s", Secret("x"), extra={"it": Secret("x"), "them": [Secret("x")]})
    event = output.events()[0]
    assert (event["message"], event["it"], event["them"]) == ("a ***", "***", ["***"])


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.just(object()),
    lambda inner: st.lists(inner) | st.tuples(inner) | st.sets(st.integers()) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=20,
)  # fmt: skip


@given(st.text(), st.lists(VALUES, max_size=3), st.dictionaries(st.text(), VALUES, max_size=3), st.text())
def test_any_record_is_one_line_of_strict_json(message, args, extra, name):
    """Whatever is logged, a line is ASCII, printable, and read back by a strict reader."""
    made = record(message, tuple(args), name=name)
    made.__dict__.update({key: value for key, value in extra.items() if key not in made.__dict__})
    line = JSONFormatter().format(made)
    assert line.isascii()
    assert line.isprintable()

    def refuse(constant):
        raise AssertionError(constant)

    assert json.loads(line, parse_constant=refuse)["logger"] == name


def test_a_line_of_two_secrets_that_overlap_keeps_its_form(log, output, session):
    """Values are masked before they become JSON, so a secret like a key or a quote cannot break a line."""
    for text in ("message", '": "', "INFO"):
        session.masks.add(text)
    log.info("message")
    assert output.events()[0]["message"] == "***"


def test_the_formatter_needs_no_session(root):
    """A plain program may use it."""
    assert json.loads(JSONFormatter().format(record("x", None, levelno=logging.INFO)))["message"] == "x"
