"""The line of a call."""

from __future__ import annotations

import asyncio
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pegboard import Layer, Order, Scope, Secret, Session, current_call, hookimpl, task
from pegboard.testing import FakeClock
from pegboard_jsonlines import JSONLines
from pegboard_jsonlines._text import quoted, timestamp

CANARY = "canary-1d4"
KEYS = [
    "ts", "event", "task", "name", "call_id", "parent_id", "session_id", "group", "map_index", "status", "source",
    "attempts", "duration", "error_type", "error_message", "trace_id", "span_id",
]  # fmt: skip


def function(x):
    return current_call().id


async def coroutine(x):
    await asyncio.sleep(0)


def generator(x):
    yield x


async def async_generator(x):
    yield x


def fails(x):
    raise ValueError(x)


async def fails_later(x):
    raise ValueError(x)


def fails_in_stream(x):
    yield x
    raise ValueError(x)


async def fails_in_async_stream(x):
    yield x
    raise ValueError(x)


WORKING = [function, coroutine, generator, async_generator]
FAILING = [fails, fails_later, fails_in_stream, fails_in_async_stream]


@pytest.mark.parametrize("body", WORKING, ids=lambda body: body.__name__)
def test_every_kind_of_task_has_one_line(path, read, body):
    """With these keys, in this order, and null for what is not there."""
    with Session(JSONLines(path), FakeClock(1.7e9), inherit=False, strict=True) as session:
        result = task(body).run(1)
    (line,) = read()
    assert list(line) == KEYS
    duration = line.pop("duration")
    assert 0 < duration < 10
    assert line == dict.fromkeys(KEYS[:12] + KEYS[13:]) | {
        "ts": "2023-11-14T22:13:20.000000Z",
        "event": "call",
        "task": body.__name__,
        "name": body.__name__,
        "call_id": result.call_id,
        "session_id": session.id,
        "status": "ok",
        "source": "run",
        "attempts": 1,
    }


@pytest.mark.parametrize("body", FAILING, ids=lambda body: body.__name__)
def test_a_failure_has_class_and_text(path, read, body):
    """The text of an exception is written where exceptions are."""
    with Session(JSONLines(path), inherit=False, strict=True):
        task(body).run("no such day")
    (line,) = read()
    assert (line["status"], line["error_type"], line["error_message"]) == (
        "error",
        "ValueError",
        "no such day",
    )


@pytest.mark.parametrize("body", [*WORKING, *FAILING], ids=lambda body: body.__name__)
def test_inputs_and_results_are_nowhere(path, body):
    """Nor the text of an exception of a sensitive task."""
    with Session(JSONLines(path, attempts=True, groups=True), inherit=False, strict=True):
        probe = task(sensitive=True, name="probe_{x}")(body)
        probe.run(CANARY)
        if body in WORKING:
            task(body).run(CANARY)
            list(task(body).map([CANARY])) if body is function else None
    assert CANARY not in path.read_text()
    assert body.__name__ in path.read_text() or body in FAILING


def test_messages_can_be_left_out(path, read):
    """The class stays."""
    with Session(JSONLines(path, messages=False, attempts=True), inherit=False):
        task(fails).run(CANARY)
    assert [line["error_type"] for line in read()] == ["ValueError"] * 2
    assert CANARY not in path.read_text()


def test_what_comes_out_of_a_sensitive_task_is_known_further_out(path, read):
    """As itself, and as a cause of what is written; and so is what a sensitive task calls."""

    @task(sensitive=True)
    def inner():
        task(fails).run(CANARY)
        raise ValueError(CANARY)

    @task
    def outer():
        inner()

    @task
    def around():
        try:
            inner()
        except ValueError as error:
            raise LookupError(str(error)) from error

    with Session(JSONLines(path, attempts=True), inherit=False):
        outer.run()
        around.run()
    assert CANARY not in path.read_text()
    assert read()[-1]["error_type"] == "LookupError"


def test_known_secrets_are_masked_before_a_message_is_cut(path, read):
    """So that no half of one is left; a message has 256 characters at most."""
    with Session(JSONLines(path), inherit=False) as session:
        session.masks.add("hunter22-long")
        task(fails).run("x" * 250 + "hunter22-long" + "y" * 99)
        task(fails).run("hunter22-long")
    first, second = [line["error_message"] for line in read()]
    assert first == "x" * 250 + "***yy…"
    assert len(first) == 256
    assert second == "***"


def test_an_exception_whose_text_fails_has_its_class(path, read):
    """A Secret in an error refuses to be written."""
    with Session(JSONLines(path), inherit=False, strict=True):
        task(fails).run(Secret(CANARY))
    assert (read()[0]["error_type"], read()[0]["error_message"]) == ("ValueError", None)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, asyncio.CancelledError])
def test_what_ends_a_call_without_a_failure(path, read, error):
    """Cancelled; the class only where it names something that went wrong, and no text."""

    @task
    def probe():
        raise error(CANARY)

    with Session(JSONLines(path), inherit=False), pytest.raises(error):
        probe()
    (line,) = read()
    expected = None if error is asyncio.CancelledError else error.__name__
    assert (line["status"], line["error_type"], line["error_message"]) == ("cancelled", expected, None)


def test_a_stream_left_early_is_closed(path, read):
    """When it is closed, not when the session ends."""
    with Session(JSONLines(path), inherit=False):
        stream = task(generator)(1)
        next(stream)
        stream.close()
        assert [line["status"] for line in read()] == ["closed"]


def test_calls_name_their_parent_their_map_and_their_span(path, read):
    """The ids that join lines with each other, and with traces."""

    class Traced:
        name = "traced"

        @hookimpl
        def bind(self, session, task):
            def enter(call):
                call.trace_id, call.span_id = "0af7651916cd43dd8448eb211c80319c", f"{call.number:016x}"

            return Scope("traced", enter, lambda call, token: None)

    inner = task(function)

    @task
    def outer(x):
        inner(x)

    with Session(JSONLines(path), Traced(), inherit=False) as session:
        list(outer.map([10, 20]))
    lines = {line["call_id"]: line for line in read()}
    assert all(
        line["trace_id"] == "0af7651916cd43dd8448eb211c80319c" and line["span_id"] for line in lines.values()
    )
    nested = [line for line in lines.values() if line["task"] == "function"]
    for line in nested:
        assert lines[line["parent_id"]]["task"] == "outer"
    mapped = [line for line in lines.values() if line["task"] == "outer"]
    assert sorted(line["map_index"] for line in mapped) == [0, 1]
    assert {line["group"] for line in mapped} == {
        f"{session.id}-g{int(mapped[0]['group'].rpartition('g')[2], 16):x}"
    }


def test_a_value_from_elsewhere_is_said(path, read):
    """Source and attempts tell that the function did not run."""

    class Hit:
        name = "hit"

        @hookimpl
        def bind(self, session, task):
            async def run(call, proceed):
                call.source = "cache"
                return 1

            return Layer("hit", Order.CACHE, run=run)

    with Session(JSONLines(path), Hit(), inherit=False):
        task(function)(1)
    assert (read()[0]["source"], read()[0]["attempts"]) == ("cache", 0)


@pytest.mark.parametrize(
    "value", ["../../x", "a\n[ERROR] b", "\x00\x1b[31m", "\u2028\u2029\x7f\x85", '"}\\', "é" * 300]
)
def test_hostile_values_in_a_name_stay_in_their_line(path, read, value):
    """Whatever fills a name in."""
    with Session(JSONLines(path), inherit=False, strict=True):
        task(function, name="load {x}")(value)
    (line,) = read()
    assert line["task"] == "load {x}"
    assert line["name"].startswith("load ")
    assert line["name"] != line["task"]
    assert line["name"].isprintable()


def test_hostile_names_of_functions_and_classes(path, read):
    """They are written as JSON writes them, and read back as they were."""
    name = 'x\n"[ERROR]\x1b\u2028\x7f'

    def hostile():
        raise type(name, (Exception,), {"__module__": "builtins"})(name)

    hostile.__qualname__ = name
    with Session(JSONLines(path, attempts=True, groups=True), inherit=False, strict=True):
        task(hostile).map([], on_error="collect")
        task(hostile).run()
    line = read()[-1]
    assert line["task"] == line["name"] == line["error_type"] == line["error_message"] == name


@given(st.text())
def test_any_text_is_quoted(text):
    """ASCII without control characters, read back as it was."""
    import json

    assert quoted(text).isascii()
    assert quoted(text).isprintable()
    assert json.loads(quoted(text)) == text


@given(st.floats(0, 4e9))
def test_any_time_is_rfc_3339(now):
    """In UTC with microseconds, rounded down."""
    assert abs(datetime.fromisoformat(timestamp(now)).timestamp() - now) < 2e-6
