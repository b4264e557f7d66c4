"""What spans tell of the ways a call can end."""

from __future__ import annotations

import asyncio

import pytest
from opentelemetry.trace import StatusCode

from pegboard import Suspended, task
from pegboard_tracing import Traced

KINDS = ["function", "coroutine", "generator"]


class BoomError(Exception):
    """A failure of a task."""


def failing(kind, error, *options, **settings):
    """A task of a kind that raises `error`."""

    def function():
        raise error

    async def coroutine():
        raise error

    def generator():
        raise error
        yield

    return task(*options, name="fails", **settings)(locals()[kind])


def run(fails):
    """Run it to its end, whatever leaves it."""
    try:
        fails.run()
    except BaseException as error:  # noqa: BLE001 - an interrupt is what some tasks here end with
        return error


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("error", "status", "code", "error_type"),
    [
        (BoomError("why"), "error", StatusCode.ERROR, f"{__name__}.BoomError"),
        (KeyError("why"), "error", StatusCode.ERROR, "KeyError"),
        (KeyboardInterrupt(), "cancelled", StatusCode.ERROR, "KeyboardInterrupt"),
        (SystemExit(3), "cancelled", StatusCode.ERROR, "SystemExit"),
        (asyncio.CancelledError(), "cancelled", StatusCode.UNSET, None),
        (Suspended(), "suspended", StatusCode.UNSET, None),
    ],
    ids=["error", "builtin", "interrupt", "exit", "cancelled", "suspended"],
)
def test_status_of_every_end(session, kept, kind, error, status, code, error_type):
    """Failures and interrupts are errors of the span; cancelled and suspended work is not."""
    run(failing(kind, error))
    span = kept.span("fails")
    assert span.attributes["pegboard.call.status"] == status
    assert span.status.status_code is code
    assert span.attributes.get("error.type") == error_type


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(), asyncio.CancelledError(), Suspended()])
def test_only_exceptions_are_events(session, kept, error):
    """What is no failure of the task leaves no exception event."""
    run(failing("function", error))
    assert kept.span("fails").events == ()


def test_a_value_leaves_the_status_unset(session, kept):
    """The conventions leave OK to the application."""
    task(name="fine")(lambda: 1)()
    assert kept.span("fine").status.status_code is StatusCode.UNSET


def test_a_closed_stream_is_no_error(session, kept):
    """Leaving a stream early is a normal end."""

    @task
    def stream():
        yield 1
        yield 2

    items = stream()
    next(items)
    items.close()
    span = kept.span("stream")
    assert (span.attributes["pegboard.call.status"], span.status.status_code) == ("closed", StatusCode.UNSET)
    assert "error.type" not in span.attributes


def test_the_event_tells_type_message_and_stack(session, kept):
    """An exception is recorded with what is needed to find it."""
    run(failing("function", BoomError("why")))
    (event,) = kept.span("fails").events
    assert event.name == "exception"
    assert event.attributes["exception.type"] == f"{__name__}.BoomError"
    assert event.attributes["exception.message"] == "why"
    assert "in function" in event.attributes["exception.stacktrace"]
    assert kept.span("fails").status.description == "why"


def test_an_exception_is_recorded_once_however_deep(session, kept):
    """Three calls left by one exception are three failed spans, and one event on the innermost."""

    @task
    def inner():
        raise BoomError("why")

    @task
    def middle():
        return inner()

    @task
    def outer():
        return middle.submit().result()

    with pytest.raises(BoomError):
        outer()
    assert [(span.name, len(span.events), span.status.status_code) for span in kept.spans] == [
        ("inner", 1, StatusCode.ERROR),
        ("middle", 0, StatusCode.ERROR),
        ("outer", 0, StatusCode.ERROR),
    ]
    assert {span.attributes["error.type"] for span in kept.spans} == {f"{__name__}.BoomError"}


def test_an_exception_raised_again_elsewhere_is_recorded_again(session, kept):
    """A constant exception, raised by two calls in turn, is an event of both."""
    error = BoomError("constant")
    run(failing("function", error))
    run(failing("function", error))
    assert [len(span.events) for span in kept.spans] == [1, 1]


def test_an_exception_that_replaces_another_is_recorded_itself(session, kept):
    """A call that turns a child's error into one of its own records that one."""

    @task
    def outer():
        try:
            failing("function", BoomError("first"))()
        except BoomError as error:
            raise KeyError("second") from error

    with pytest.raises(KeyError):
        outer()
    assert [event.attributes["exception.type"] for event in kept.span("outer").events] == ["KeyError"]


def test_an_exception_that_refuses_attributes_is_recorded(session, kept):
    """The mark against recording twice needs no permission of the exception's class."""

    class FrozenError(Exception):
        def __setattr__(self, name, value):
            raise AttributeError(name)

    @task
    def outer():
        return failing("function", FrozenError("x"))()

    with pytest.raises(FrozenError):
        outer()
    assert [len(span.events) for span in kept.spans] == [1, 0]


def test_expected_errors_leave_the_span_clean(session, kept):
    """`Traced(expected=...)` keeps type and call status, and neither error status nor event."""
    run(failing("function", LookupError("daily"), Traced(expected=(LookupError,))))
    span = kept.span("fails")
    assert (span.status.status_code, span.events) == (StatusCode.UNSET, ())
    assert (span.attributes["error.type"], span.attributes["pegboard.call.status"]) == (
        "LookupError",
        "error",
    )


def test_what_one_task_expects_another_may_not(session, kept):
    """An error expected below and not above is recorded above."""

    @task
    def outer():
        return failing("function", BoomError("daily"), Traced(expected=(BoomError,)))()

    with pytest.raises(BoomError):
        outer()
    assert [len(span.events) for span in kept.spans] == [0, 1]


@pytest.mark.parametrize("how", ["sensitive", "messages"])
def test_messages_and_stacks_can_be_kept_out(session, kept, how):
    """A sensitive task, or `Traced(messages=False)`, records the type and nothing that holds the message."""
    options = () if how == "sensitive" else (Traced(messages=False),)
    run(failing("function", BoomError("canary"), *options, sensitive=how == "sensitive"))
    span = kept.span("fails")
    assert "canary" not in span.to_json()
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, None)
    assert [dict(event.attributes) for event in span.events] == [{"exception.type": f"{__name__}.BoomError"}]


def test_what_came_out_of_a_sensitive_task_is_hidden_further_out(session, kept):
    """The span of a task around it has the type alone, whatever its own rules are."""

    @task(sensitive=True)
    def inner():
        raise BoomError("canary")

    @task
    def outer():
        inner()

    outer.run()
    assert "canary" not in "".join(span.to_json() for span in kept.spans)
    assert kept.span("outer", 0).attributes["error.type"].endswith("BoomError")


def test_known_secrets_are_masked(session, kept):
    """In messages, status descriptions, stack traces and named arguments, also where they are cut."""

    @task(Traced(arguments=("key",)))
    def use(key):
        raise ValueError("x" * 240 + key)

    secret = "canary-8f2-" + "y" * 40
    with session:
        session.masks.add(secret)
        use.run(secret)
    [span] = kept.spans
    assert "canary" not in span.to_json()
    assert span.attributes["pegboard.argument.key"] == "***"
    assert span.status.description.endswith("xxx***")


def test_messages_are_escaped_and_cut(session, kept):
    """No message steers a terminal or fills a span: one line of 256 characters, a stack trace of 16,384."""
    run(failing("function", BoomError("\x1b[31m\n" + "x" * 1_000_000)))
    span = kept.span("fails")
    (event,) = span.events
    assert span.status.description.startswith("\\x1b[31m\\nxxx")
    assert len(span.status.description) == len(event.attributes["exception.message"]) == 256
    assert len(event.attributes["exception.stacktrace"]) <= 16_384
    assert "\x1b" not in event.attributes["exception.stacktrace"]
    assert "in function" in event.attributes["exception.stacktrace"]


def test_a_long_chain_of_causes_keeps_its_end(session, kept):
    """Of a stack trace that is too long, the part that was raised last is there."""
    error = BoomError("first")
    for number in range(500):
        following = BoomError(f"number {number}")
        following.__cause__ = error
        error = following
    run(failing("function", error))
    (event,) = kept.span("fails").events
    assert len(event.attributes["exception.stacktrace"]) == 16_384
    assert "number 499" in event.attributes["exception.stacktrace"]


def test_a_message_that_cannot_be_made_is_named_by_its_type(session, kept):
    """An exception whose text fails is recorded all the same."""

    class MuteError(Exception):
        def __str__(self):
            raise RuntimeError

    run(failing("function", MuteError()))
    (event,) = kept.span("fails").events
    assert event.attributes["exception.message"] == "<MuteError>"
