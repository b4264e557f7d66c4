"""Logs and JSON lines beside tracing, retries and secrets: the ids agree, and a canary is nowhere."""

from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Mapping

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON

from pegboard import Cache, NeedsSecrets, Retry, Secrets, Session, Tracing, task
from pegboard_jsonlines import JSONLines
from pegboard_logs import Logs
from pegboard_secrets import INJECTED

CANARY = 'canary-41c"é'
FRAGMENT = "canary-41c"
SECOND = "second-9a7"
log = logging.getLogger("app")


@pytest.fixture
def handler():
    """A handler of the root logger, and what it wrote as its `stream`."""
    handler = logging.StreamHandler(io.StringIO())
    root, level = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel("DEBUG")
    yield handler
    root.removeHandler(handler)
    root.setLevel(level)


def lines_of(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize("tracing_first", [True, False], ids=["behind tracing", "before tracing"])
@pytest.mark.parametrize("sampler", [ALWAYS_ON, ALWAYS_OFF], ids=["sampled", "sampled out"])
def test_logs_and_lines_have_the_ids_of_the_span(handler, sampler, tracing_first: bool) -> None:
    """Also of a span that is not sampled, whatever the order of the plugins; retries are in one trace."""
    spans = InMemorySpanExporter()
    provider = TracerProvider(sampler=sampler, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(spans))
    calls = io.StringIO()
    plugins = [Tracing(tracer_provider=provider), Logs(json=True, lifecycle=True), JSONLines(calls)]
    attempts: list[int] = []

    @task(Retry(1))
    def inner() -> None:
        log.info("inside")
        attempts.append(1)
        if len(attempts) == 1:
            raise ValueError

    @task
    def outer() -> None:
        log.info("inside")
        inner()

    with Session(*(plugins if tracing_first else plugins[::-1]), inherit=False):
        outer()
    events = [event for event in lines_of(handler.stream) if event["logger"] in ("app", "pegboard.task")]
    ended = {line["call_id"]: line for line in lines_of(calls)}
    assert [(event["pegboard_task"], event["pegboard_attempt"]) for event in events] == [
        ("outer", 1), ("inner", 1), ("inner", 1), ("inner", 2), ("inner", 2), ("outer", 1),
    ]  # fmt: skip
    assert len({event["trace_id"] for event in events}) == 1
    for event in events:
        assert len(str(event["trace_id"])) == 32
        assert event["trace_id"] == ended[event["pegboard_call_id"]]["trace_id"]
        assert event["span_id"] == ended[event["pegboard_call_id"]]["span_id"]
    exported = {f"{span.context.span_id:016x}" for span in spans.get_finished_spans()}
    assert {event["span_id"] for event in events} <= exported or sampler is ALWAYS_OFF


def leak(x: str, *, secrets: Mapping[str, str] = INJECTED) -> str:
    """Logs what it should not, and fails with it."""
    log.info("using %s", secrets["KEY"], extra={"key": secrets["KEY"]})
    try:
        refuse(secrets["KEY"])
    except LookupError:
        log.exception("failed with %(key)s", {"key": secrets["KEY"]})
        raise
    return x


def refuse(key: str) -> None:
    raise LookupError(f"no access with {key!r}")


async def aleak(x: str, *, secrets: Mapping[str, str] = INJECTED) -> str:
    await asyncio.sleep(0)
    return leak(x, secrets=secrets)


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
@pytest.mark.parametrize("body", [leak, aleak], ids=["sync", "async"])
def test_a_secret_is_in_no_line(handler, body, as_json: bool) -> None:
    """In what tasks log themselves, in tracebacks, lifecycle lines, and the lines of calls and attempts."""
    calls = io.StringIO()
    plugins = [Secrets({"KEY": CANARY}), Logs(json=as_json, lifecycle=True), JSONLines(calls, attempts=True)]
    with Session(*plugins, inherit=False):
        error = task(NeedsSecrets("KEY"), Retry(1), name="leak_{x}")(body).run("x").error
        log.error("and outside", exc_info=error)
    assert CANARY in str(error)
    for text in (handler.stream.getvalue(), calls.getvalue()):
        assert "LookupError" in text
        assert "***" in text
        assert FRAGMENT not in text


@pytest.mark.parametrize("is_sensitive", [False, True], ids=["plain", "sensitive"])
def test_inputs_and_results_are_in_no_line_and_messages_where_exceptions_are(
    handler, is_sensitive: bool
) -> None:
    """The first canary nowhere, the second where the exception is recorded, and nowhere for a sensitive task."""
    calls = io.StringIO()

    @task(*([] if is_sensitive else [Cache()]), sensitive=is_sensitive)
    def passes(x: str) -> str:
        return x

    @task(sensitive=is_sensitive)
    def fails(x: str) -> None:
        raise ValueError(SECOND)

    with Session(
        Logs(json=True, lifecycle=True), JSONLines(calls, attempts=True, groups=True), inherit=False
    ):
        passes(CANARY)
        list(passes.map([CANARY]))
        fails.run(CANARY)
    assert FRAGMENT not in handler.stream.getvalue() + calls.getvalue()
    assert (SECOND in handler.stream.getvalue()) is not is_sensitive
    failed = [line for line in lines_of(calls) if line["error_type"] == "ValueError"]
    assert {line["error_message"] for line in failed} == {None if is_sensitive else SECOND}
