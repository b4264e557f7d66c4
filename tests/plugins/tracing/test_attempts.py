"""The spans of attempts: none without a retry, a linked chain with one."""

from __future__ import annotations

import time

import pytest
from opentelemetry import trace
from opentelemetry.trace import StatusCode

from pegboard import Layer, Option, Order, hookimpl, task
from pegboard_tracing import Traced


def flaky(kind, failures, *options):
    """A task that fails so often before it answers; it keeps the id of the span it ran in each time."""
    ran_in = []

    def body():
        ran_in.append(trace.get_current_span().get_span_context().span_id)
        if len(ran_in) <= failures:
            raise OSError(f"failure {len(ran_in)}")
        return "done"

    async def coroutine():
        return body()

    def generator():
        yield body()

    async def async_generator():
        yield body()

    def function():
        return body()

    return task(*options, name="flaky")(locals()[kind]), ran_in


KINDS = ["function", "coroutine", "generator", "async_generator"]


@pytest.mark.parametrize("kind", KINDS)
def test_no_retry_no_extra_span(session, kept, again, kind):
    """A first attempt that succeeds is the call's own span."""
    flaky(kind, 0, again())[0].run()
    assert kept.names == ["flaky"]
    assert "pegboard.call.attempts" not in kept.span("flaky").attributes


@pytest.mark.parametrize("kind", KINDS)
def test_attempts_of_a_retried_call_are_linked_children(session, kept, again, kind):
    """Fail, fail, answer: three child spans in a chain of links, and a clean span for the call."""
    flaky(kind, 2, again(3))[0].run()
    call = kept.span("flaky")
    assert kept.names == ["attempt 1", "attempt 2", "attempt 3", "flaky"]
    assert call.status.status_code is StatusCode.UNSET
    assert call.events == ()
    assert call.attributes["pegboard.call.attempts"] == 3
    attempts = kept.spans[:3]
    assert [kept.parent(span) for span in attempts] == ["flaky"] * 3
    assert [span.attributes["pegboard.attempt"] for span in attempts] == [1, 2, 3]
    assert [span.status.status_code for span in attempts] == [
        StatusCode.ERROR,
        StatusCode.ERROR,
        StatusCode.UNSET,
    ]
    links = [[(link.context.span_id, dict(link.attributes)) for link in span.links] for span in attempts]
    kind_of_link = {"pegboard.link.type": "retry_of"}
    assert links == [
        [],
        [(attempts[0].context.span_id, kind_of_link)],
        [(attempts[1].context.span_id, kind_of_link)],
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_later_attempts_are_current_in_the_body(session, kept, again, kind):
    """The first attempt runs in the call's span, the others in their own, and nothing is current afterwards."""
    retried, ran_in = flaky(kind, 1, again(2))
    retried.run()
    assert ran_in == [kept.span("flaky").context.span_id, kept.span("attempt 2").context.span_id]
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_each_failure_is_an_event_of_its_own_attempt(session, kept, again):
    """When every attempt fails, each carries its exception, and the call's span only the status."""
    retried, _ = flaky("function", 5, again(3))
    with pytest.raises(OSError):
        retried()
    messages = [[event.attributes["exception.message"] for event in span.events] for span in kept.spans]
    assert messages == [["failure 1"], ["failure 2"], ["failure 3"], []]
    assert kept.span("flaky").status.status_code is StatusCode.ERROR


def test_the_first_attempt_has_the_times_it_took(session, kept, again):
    """It is written down after the fact, inside the call's own span and before its retry was told."""
    told = []

    class Watch:
        name = "watch"

        @hookimpl
        def on_retry(self, call):
            told.append(time.time_ns())

    session.register(Watch())
    flaky("function", 1, again(2))[0]()
    first, second, call = kept.spans
    assert call.start_time <= first.start_time <= first.end_time <= told[0] <= second.start_time
    assert second.end_time <= call.end_time


@pytest.mark.parametrize("kind", KINDS)
def test_between_attempts_the_calls_span_is_current(session, kept, again, kind):
    """What other layers do between and after attempts belongs to the call, not to an attempt that is over."""
    seen = []

    class Around:
        name = "around"

        @hookimpl
        def bind(self, session, task):
            def note():
                seen.append(trace.get_current_span().get_span_context().span_id)

            async def run(call, proceed):
                value = await proceed(call)
                note()
                return value

            async def stream(call, proceed):
                async for item in proceed(call):
                    yield item
                note()

            return Layer("around", Order.LIMIT, run=run, stream=stream)

    session.register(Around())
    flaky(kind, 1, again(2))[0].run()
    assert seen == [kept.span("flaky").context.span_id]


def test_nested_calls_of_a_retry_are_children_of_its_attempt(session, kept, again):
    """What the second attempt calls is below it, and its error is not recorded a second time."""

    @task
    def inner():
        raise OSError("below")

    @task(again(2))
    def outer():
        return inner()

    with pytest.raises(OSError):
        outer()
    assert [kept.parent(span) for span in kept.spans if span.name == "inner"] == ["outer", "attempt 2"]
    assert {span.name: len(span.events) for span in kept.spans} == {
        "inner": 1,
        "attempt 1": 0,
        "attempt 2": 0,
        "outer": 0,
    }


def test_expected_errors_leave_attempts_clean(session, kept, again):
    """What a task expects is no error of an attempt either."""
    flaky("function", 1, again(2), Traced(expected=(OSError,)))[0]()
    assert kept.span("attempt 1").status.status_code is StatusCode.UNSET
    assert kept.span("attempt 1").events == ()


@pytest.mark.parametrize(("found", "result"), [(True, "hit"), (False, "miss")])
def test_lookups_are_told_on_the_span(session, kept, found, result):
    """Whoever looks up stored results, the span says what came of it and where the value is from."""

    class Shelf:
        name = "shelf"

        @hookimpl
        def bind(self, session, task):
            async def run(call, proceed):
                call.emit("on_cache_hit" if found else "on_cache_miss", "key")
                if found:
                    call.source = "cache"
                    return 1
                return await proceed(call)

            return Layer("shelf", Order.CACHE, run=run)

    class OnShelf(Option):
        plugin_name = "shelf"

    session.register(Shelf())
    task(OnShelf(), name="stored")(lambda: 1)()
    attributes = kept.span("stored").attributes
    assert attributes["pegboard.cache.result"] == result
    assert attributes["pegboard.call.source"] == ("cache" if found else "run")
