"""Calls that have a span only if something ran."""

from __future__ import annotations

import asyncio
import time

import attrs
import pytest
from opentelemetry.context import attach, create_key, detach, get_value, set_value
from opentelemetry.trace import StatusCode, get_current_span

from pegboard import Layer, Option, Order, Scope, Session, current_call, hookimpl, task
from pegboard_tracing import Traced, Tracing, tracer


class _Keeping:
    """A cache: answers what it has seen, after a wait that is part of the call."""

    name = "keep"

    @hookimpl
    def bind(self, session, task):
        keep = task.option(Keep)
        if keep is None:
            return None
        kept = {}

        async def run(call, proceed):
            if keep.fails:
                raise LookupError("the store is gone")
            if call.args in kept:
                call.source = "cache"
                call.emit("on_cache_hit", "key")
                return kept[call.args]
            await call.sleep(keep.wait)
            call.emit("on_cache_miss", "key")
            kept[call.args] = value = await proceed(call)
            return value

        async def stream(call, proceed):
            call.emit("on_cache_miss", "key")
            async for item in proceed(call):
                yield item

        return Layer("keep", Order.CACHE, run=run, stream=stream)


@attrs.frozen
class Keep(Option):
    """Asks for the cache."""

    plugin_name = "keep"
    wait: float = 0.0
    fails: bool = False

    @classmethod
    def plugin(cls):
        return _Keeping


QUIET = Traced(hits=False)


def make(kind, *options):
    """A task whose hits have no span."""

    def function(x):
        leaf()
        return x

    async def coroutine(x):
        await asyncio.sleep(0)
        leaf()
        return x

    return task(Keep(), QUIET, *options, name="kept")(locals()[kind])


@task(name="leaf")
def leaf():
    """What a body calls."""


def call(kept, x):
    return kept.run(x).unwrap()


@pytest.mark.parametrize("kind", ["function", "coroutine"])
def test_hits_are_counted_on_the_span_around_them(session, kept, kind):
    """A miss has a span with its result, and three hits have one number on the caller's."""
    square = make(kind)

    @task
    def caller():
        return [call(square, x) for x in (1, 1, 1, 1)]

    if kind == "function":
        assert caller() == [1] * 4
    else:
        with tracer("test").start_as_current_span("caller"):
            assert [call(square, 1) for _ in range(4)] == [1] * 4
    assert kept.names.count("kept") == 1
    assert kept.span("kept").attributes["pegboard.cache.result"] == "miss"
    assert kept.parent(kept.span("kept")) == "caller"
    assert kept.parent(kept.span("leaf")) == "kept"
    assert kept.span("caller").attributes["pegboard.cache.hits"] == 3


def test_a_miss_begins_with_its_call(session, kept):
    """The span starts when the call did, although it was made when the function began to run."""
    waits = task(Keep(wait=0.03), QUIET, name="waits")(time.time_ns)
    ran_at = waits()
    span = kept.span("waits")
    assert span.start_time <= ran_at - 30_000_000
    assert span.start_time <= span.end_time


def test_hits_of_a_map_are_counted_on_its_span(session, kept):
    """They are neither suppressed nor missing: items without a span succeed all the same."""
    square = make("function")
    assert square.map([1, 2, 1, 2, 1, 2], concurrency=1) == [1, 2, 1, 2, 1, 2]
    attributes = kept.span("map kept").attributes
    assert (attributes["pegboard.cache.hits"], attributes["pegboard.map.succeeded"]) == (4, 6)
    assert kept.names.count("kept") == 2


def test_a_hit_without_a_span_around_it_is_told_nowhere(session, kept):
    """Nothing to count it on: no span, no error."""
    square = make("function")
    square(1)
    square(1)
    assert kept.names == ["leaf", "kept"]
    assert get_current_span().get_span_context().is_valid is False


def test_a_failure_before_the_function_has_its_span(session, kept):
    """What a layer raised is told, with the call's own times."""
    broken = task(Keep(fails=True), QUIET, name="broken")(lambda: None)
    assert isinstance(broken.run().error, LookupError)
    span = kept.span("broken")
    assert span.status.status_code is StatusCode.ERROR
    assert len(span.events) == 1


def test_retries_are_chained_as_ever(session, kept, again):
    """The attempts of a miss are its children, and what they call is below them."""

    @task(Keep(), QUIET, again(3), name="flaky")
    def flaky():
        leaf()
        if current_call().attempt < 3:
            raise ValueError("again")

    flaky()
    assert get_current_span().get_span_context().is_valid is False
    assert kept.names == ["leaf", "attempt 1", "leaf", "attempt 2", "leaf", "attempt 3", "flaky"]
    assert [kept.parent(kept.span("leaf", number)) for number in range(3)] == [
        "flaky",
        "attempt 2",
        "attempt 3",
    ]
    assert {kept.parent(kept.span(f"attempt {number}")) for number in (1, 2, 3)} == {"flaky"}


def test_a_stream_has_its_span_from_the_first_step(session, kept):
    """It is current in the body, also after a yield, and never in the consumer."""

    @task(Keep(), QUIET, name="items")
    def items():
        yield 1
        leaf()

    stream = items()
    next(stream)
    assert get_current_span().get_span_context().is_valid is False
    assert list(stream) == []
    assert kept.parent(kept.span("leaf")) == "items"
    assert kept.span("items").attributes["pegboard.cache.result"] == "miss"


def test_items_over_the_budget_have_none_either(kept):
    """What an item without a span calls has none, in every attempt; the map tells how many were left out."""
    square = make("function")
    with Session(Tracing(span_budget=0), kept, inherit=False, strict=True):
        square.map(range(30), concurrency=1)
    assert kept.span("map kept").attributes["pegboard.map.spans_suppressed"] == 10
    assert kept.names.count("leaf") == 0


def test_a_scope_within_it_finds_its_own_context_again(kept):
    """The span is current inside of what other plugins made current, and over before they take that back."""
    key = create_key("test")

    class Within:
        name = "within"

        @hookimpl
        def bind(self, session, task):
            def leave(call, token):
                seen.append(get_value(key))
                detach(token)

            return Scope("within", lambda call: attach(set_value(key, task.name)), leave)

    seen, square = [], make("function")
    with Session(Tracing(), kept, Within(), inherit=False, strict=True):
        square(1)
        assert get_value(key) is None
    assert seen == ["leaf", "kept"]


def test_without_anything_that_could_answer_it_is_an_ordinary_span(session, kept):
    """`hits=False` costs a task without other options nothing."""

    @task(QUIET)
    def plain():
        leaf()

    plain()
    assert kept.parent(kept.span("leaf")) == "plain"


def test_anything_but_a_bool_is_refused():
    """At decoration, like every option."""
    with pytest.raises(TypeError, match="hits"):
        Traced(hits=0)
