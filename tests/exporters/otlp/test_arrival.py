"""What arrives over OTLP: all of it or its number, no values, and the right end of every call."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import struct

import pytest

from pegboard import Scope, Secret, Session, Suspended, hookimpl, task
from pegboard.records import DEPENDS_ON
from pegboard.running.open_group import open_group
from pegboard_otlp import OTLP
from pegboard_tracing import Traced, Tracing

CANARY = "canary-4711"
IN_MESSAGE = "second-canary-0815"


def attributes(pairs):
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


def test_every_item_of_a_large_map_is_accounted_for(receiver, metrics):
    """10,000 items, a receiver that takes 100 ms: exported, suppressed and lost add up; every failure arrives."""
    receiver.delay = 0.1

    @task
    def item(x):
        if x % 1_000 == 999:
            raise ValueError

    with Session(Tracing(), metrics, OTLP(receiver.url, metrics=False, flush_timeout=10), inherit=False):
        item.map(range(10_000), on_error="collect")
    (whole,) = [span for span in receiver.spans if span.name == "map item"]
    items = [span for span in receiver.spans if span.name == "item"]
    suppressed = attributes(whole.attributes).get("pegboard.map.spans_suppressed", 0)
    assert len(items) + suppressed + metrics.lost("traces") == 10_000
    assert len([span for span in items if span.status.code == 2]) == 10
    assert {span.parent_span_id for span in items} == {whole.span_id}


def test_a_map_with_too_many_spans_for_the_queue_says_how_many_it_lost(receiver, metrics, caplog):
    """Exported and lost add up, and the line at the end has the number."""
    os.environ |= {"OTEL_BSP_MAX_QUEUE_SIZE": "200", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "100"}
    receiver.delay = 0.05

    @task
    def item(x):
        pass

    with Session(Tracing(), metrics, OTLP(receiver.url, metrics=False), inherit=False):
        item.map(range(900))
    lost = metrics.lost("traces")
    assert lost > 0
    assert len(receiver.spans) + lost == 901
    assert f"otlp: {lost} spans not delivered" in caplog.records[-1].getMessage()


def test_no_value_leaves_but_in_messages_of_errors(receiver, metrics):
    """Nothing of arguments, results, the environment and secrets; a message where everybody expects it."""
    os.environ["OTEL_CANARY"] = CANARY

    @task
    def buy(what, key):
        logging.getLogger("shop").warning("bought")
        if what == "nothing":
            raise ValueError(IN_MESSAGE)
        return what

    with Session(Tracing(), metrics, OTLP(receiver.url, logs=True), inherit=False) as session:
        session.masks.add(CANARY)
        assert buy(CANARY, Secret(CANARY)) == CANARY
        buy.run("nothing", CANARY)
    assert CANARY.encode() not in receiver.bytes
    (failed,) = [span for span in receiver.spans if span.status.code == 2]
    (event,) = failed.events
    shown = receiver.bytes.count(IN_MESSAGE.encode())
    stack = attributes(event.attributes)["exception.stacktrace"]
    assert failed.status.message == IN_MESSAGE
    assert attributes(event.attributes)["exception.message"] == IN_MESSAGE
    assert shown == 2 + stack.count(IN_MESSAGE)


@pytest.mark.parametrize("how", ["sensitive", "messages=False"])
def test_messages_stay_where_that_was_asked_for(receiver, metrics, how):
    """Nothing of an error's text from a sensitive task, or with `messages=False`."""
    decorate = task(sensitive=True) if how == "sensitive" else task(Traced(messages=False))

    @decorate
    def buy():
        raise ValueError(IN_MESSAGE)

    with Session(Tracing(), metrics, OTLP(receiver.url, logs=True), inherit=False):
        buy.run()
    assert len(receiver.spans) == 1
    assert IN_MESSAGE.encode() not in receiver.bytes


def test_what_is_sampled_out_is_measured_and_logged(receiver, metrics):
    """No span and no exemplar, right metrics, and the log's record still names its trace."""
    os.environ["OTEL_TRACES_SAMPLER"] = "always_off"

    @task
    def buy(x):
        logging.getLogger("shop").warning("bought")
        return 1 / x

    with Session(Tracing(), metrics, OTLP(receiver.url, logs=True), inherit=False):
        buy(1)
        buy.run(0)
    assert receiver.spans == []
    points = receiver.pushes[-1]["pegboard.task.duration"].histogram.data_points
    assert sum(point.count for point in points) == 2
    assert [exemplar for point in points for exemplar in point.exemplars] == []
    assert len({struct.unpack("QQ", record.trace_id) for _, record in receiver.records}) == 2
    assert all(any(record.trace_id) for _, record in receiver.records)


def test_exemplars_lead_to_spans_that_arrived(receiver, metrics):
    """A sampled call's exemplar names a span that the back end has."""

    @task
    def buy():
        pass

    with Session(Tracing(), metrics, OTLP(receiver.url), inherit=False):
        buy()
    points = receiver.pushes[-1]["pegboard.task.duration"].histogram.data_points
    (exemplar,) = [exemplar for point in points for exemplar in point.exemplars]
    (span,) = receiver.spans
    assert (exemplar.trace_id, exemplar.span_id) == (span.trace_id, span.span_id)


def send(receiver, metrics, run):
    """Run it in a session that sends spans and metrics, and return the spans by name."""
    with Session(Tracing(), metrics, OTLP(receiver.url), inherit=False, strict=True):
        run()
    return {span.name: span for span in receiver.spans}


def test_a_failure_that_leaves_three_calls_is_recorded_once(receiver, metrics):
    """One exception event, three spans in error, and one error.type, which is the metric's label too."""

    @task
    def innermost():
        raise ConnectionResetError("by peer")

    @task
    def middle():
        innermost()

    @task
    def outermost():
        middle()

    spans = send(receiver, metrics, outermost.run)
    assert [len(spans[name].events) for name in ("innermost", "middle", "outermost")] == [1, 0, 0]
    assert [span.status.code for span in spans.values()] == [2, 2, 2]
    measured = receiver.pushes[-1]["pegboard.task.duration"].histogram.data_points
    points = [point for point in measured if point.count]
    types = [attributes(each.attributes)["error.type"] for each in [*spans.values(), *points]]
    assert types == ["ConnectionResetError"] * 6


class MineError(Exception):
    """A failure of a task."""


UNSET, ERROR = 0, 2
ENDS = {
    "value": (None, "ok", UNSET, None, 0),
    "error": (MineError("why"), "error", ERROR, f"{__name__}.MineError", 1),
    "expected": (KeyError("why"), "error", UNSET, "KeyError", 0),
    "interrupt": (KeyboardInterrupt(), "cancelled", ERROR, "KeyboardInterrupt", 0),
    "exit": (SystemExit(3), "cancelled", ERROR, "SystemExit", 0),
    "cancelled": (asyncio.CancelledError(), "cancelled", UNSET, None, 0),
    "closed": (GeneratorExit(), "closed", UNSET, None, 0),
    "suspended": (Suspended(), "suspended", UNSET, None, 0),
}


@pytest.mark.parametrize("how", ENDS)
def test_every_end_has_its_status(receiver, metrics, how):
    """Outcome, status of the span, error.type and events, as the table of the reference has them."""
    error, status, code, error_type, events = ENDS[how]

    @task(Traced(expected=(KeyError,)))
    def ends():
        if error is not None:
            raise error

    def run():
        with contextlib.suppress(BaseException):
            ends()

    span = send(receiver, metrics, run)["ends"]
    found = attributes(span.attributes)
    assert (found["pegboard.call.status"], found.get("error.type")) == (status, error_type)
    assert (span.status.code, len(span.events)) == (code, events)
    assert span.status.message == ("why" if how == "error" else "")


class Waited:
    """Notes on every call what it waited for, as whoever runs a graph does."""

    name = "waited"

    def __init__(self, ids):
        self._ids = ids

    @hookimpl
    def bind(self):
        def enter(call):
            call.state[DEPENDS_ON] = self._ids

        return Scope("waited", enter, lambda call, entered: None)


def test_a_fan_in_has_100_links_and_says_how_many_there_were(receiver, metrics):
    """Of 10,000 that it waited for, 100 are linked, whatever the SDK would keep."""
    ids = [(f"{1:032x}", f"{number:016x}") for number in range(1, 10_001)]

    @task
    def join():
        pass

    with (
        Session(Waited(ids), Tracing(), metrics, OTLP(receiver.url), inherit=False, strict=True),
        open_group("graph", "fan-in", size=1) as group,
    ):
        group.call(join)
    spans = {span.name: span for span in receiver.spans}
    join_span = spans["join"]
    assert [link.span_id for link in join_span.links] == [bytes.fromhex(span) for _, span in ids[:100]]
    assert {attributes(link.attributes)["pegboard.link.type"] for link in join_span.links} == {"depends_on"}
    assert attributes(join_span.attributes)["pegboard.links.count"] == 10_000
    assert join_span.dropped_links_count == 0
    assert join_span.parent_span_id == spans["graph fan-in"].span_id


def test_a_million_characters_are_256(receiver, metrics):
    """An argument on the allow-list is cut by us, as the SDK has no limit."""

    @task(Traced(arguments=("text",)))
    def read(text):
        return len(text)

    span = send(receiver, metrics, lambda: read("x" * 1_000_000))["read"]
    assert attributes(span.attributes)["pegboard.argument.text"] == "x" * 255 + "…"
    assert len(receiver.bytes) < 100_000
