"""One span for a map, the parent of its items."""

from __future__ import annotations

import asyncio
import gc
import time
import weakref

import pytest
from opentelemetry.trace import StatusCode

from pegboard import Session, current_call, hookimpl, task
from pegboard_tracing import Traced, Tracing


@task(name="item")
def item(x):
    if x < 0:
        raise ValueError("below zero")
    return x


@task(name="item")
async def aitem(x):
    await asyncio.sleep(0)
    return item.__wrapped__(x)


@pytest.mark.parametrize("mapped", [item, aitem], ids=["sync", "async"])
@pytest.mark.parametrize("nested", [False, True], ids=["at the top", "in a task"])
def test_items_are_children_of_the_map(session, kept, mapped, nested):
    """A map is one span below its caller, and every item's span is below the map's."""

    @task
    def caller():
        return mapped.map([1, 2, 3])

    caller() if nested else mapped.map([1, 2, 3])
    whole = kept.span("map item")
    assert kept.parent(whole) == ("caller" if nested else None)
    assert [kept.parent(span) for span in kept.spans if span.name == "item"] == ["map item"] * 3


def test_a_map_counts_its_items(session, kept):
    """Size, successes and failures are on the map's span."""
    item.map([1, -1, 2, -2], on_error="collect")
    attributes = dict(kept.span("map item").attributes)
    assert attributes == {
        "pegboard.task.name": "item",
        "pegboard.session.id": session.id,
        "pegboard.group.kind": "map",
        "pegboard.map.size": 4,
        "pegboard.map.succeeded": 2,
        "pegboard.map.failed": 2,
    }
    assert kept.span("map item").status.status_code is StatusCode.UNSET


def test_cancelled_items_neither_succeed_nor_fail(session, kept):
    """Siblings that a failure stops are counted in the size alone."""

    @task
    async def waits(x):
        if x == 0:
            await asyncio.sleep(0)
            raise ValueError
        await asyncio.get_running_loop().create_future()

    with pytest.raises(ValueError):
        waits.map([0, 1, 2])
    attributes = kept.span("map waits").attributes
    counts = [attributes[f"pegboard.map.{what}"] for what in ("size", "succeeded", "failed")]
    assert counts == [3, 0, 1]


def test_a_map_of_unknown_size_tells_how_many_ran(session, kept):
    """A lazy input gives the size at the end."""
    item.map(x for x in range(5))
    assert kept.span("map item").attributes["pegboard.map.size"] == 5


def test_a_failed_map_records_the_error_on_the_item_alone(session, kept):
    """The item has the event; the map and its caller have the status."""

    @task
    def caller():
        return item.map([-1])

    with pytest.raises(ValueError):
        caller()
    assert [(span.name, len(span.events), span.status.status_code) for span in kept.spans] == [
        ("item", 1, StatusCode.ERROR),
        ("map item", 0, StatusCode.ERROR),
        ("caller", 0, StatusCode.ERROR),
    ]


def test_a_failing_input_is_the_maps_own_error(session, kept):
    """When the input fails, no item has recorded it, so the map does."""

    def inputs():
        yield 1
        raise OSError("no more")

    with pytest.raises(OSError):
        item.map(inputs())
    (event,) = kept.span("map item").events
    assert event.attributes["exception.type"] == "OSError"


def test_defaults_of_the_session_count_for_maps(kept, session):
    """`Session(defaults=[Traced(...)])` keeps messages out of a map's span too."""

    def inputs():
        raise OSError("canary")
        yield

    with Session(defaults=[Traced(messages=False)]), pytest.raises(OSError):
        item.map(inputs())
    assert "canary" not in kept.span("map item").to_json()


def test_calls_inside_an_item_are_below_the_item(session, kept):
    """Only the calls that a map makes itself are its children, also for a map in a map."""

    @task
    def row(xs):
        return item.map(xs)

    row.map([[1], [2]])
    assert [kept.parent(span) for span in kept.spans if span.name == "map item"] == ["row", "row"]
    assert [kept.parent(span) for span in kept.spans if span.name == "row"] == ["map row", "map row"]


def test_nothing_is_kept_of_a_map_that_is_over(session):
    """The plugin forgets a map at its end."""
    seen = []

    class Watching:
        name = "watching"

        @hookimpl
        def before_group(self, group):
            seen.append(weakref.ref(group))

    session.register(Watching())
    item.map([1, 2])
    gc.collect()
    assert [each() for each in seen] == [None]


# The budget of spans ----------------------------------------------------------------------------------------------------


def budgeted(kept, budget):
    """A session whose maps have so many spans."""
    return Session(Tracing(span_budget=budget), kept, inherit=False, strict=True, executor="inline")


def test_items_over_the_budget_are_only_counted(kept):
    """Of 10,000 items 50 have a span, and so have the failures and the slowest 20 beyond; the numbers add up."""

    def slow_or_failing(x):
        if x % 1000 == 999:
            raise ValueError("every thousandth")
        return x

    with budgeted(kept, 50):
        task(slow_or_failing, name="item").map(range(10_000), on_error="collect")
    whole = kept.span("map item")
    items = [span for span in kept.spans if span.name == "item"]
    suppressed = whole.attributes["pegboard.map.spans_suppressed"]
    assert len(items) == 50 + 10 + 20
    assert suppressed + len(items) == 10_000
    assert [span.status.status_code for span in items].count(StatusCode.ERROR) == 10
    assert whole.attributes["pegboard.map.succeeded"] == 9_990
    assert {kept.parent(span) for span in items} == {"map item"}


def test_the_slowest_are_kept_with_their_own_times(kept):
    """Those that took longest are written at the end of the map, as they were."""

    @task(name="item")
    def sleeps(x):
        time.sleep(0.02 if x == 70 else 0)

    with budgeted(kept, 1):
        sleeps.map(range(100))
    whole = kept.span("map item")
    slowest = max(
        (span for span in kept.spans if span.name == "item"), key=lambda span: span.end_time - span.start_time
    )
    assert slowest.end_time - slowest.start_time >= 20_000_000
    assert whole.start_time <= slowest.start_time < slowest.end_time <= whole.end_time
    assert kept.spans[-1] is whole


def test_a_late_span_tells_what_a_span_tells(kept):
    """Arguments, status, exception and attempts are those of the call."""

    @task(Traced(arguments=("x",)), name="item")
    def fails(x):
        raise ValueError(x)

    with budgeted(kept, 0):
        fails.map(["why"], on_error="collect")
    span = kept.span("item")
    assert span.attributes["pegboard.argument.x"] == "why"
    assert span.attributes["pegboard.call.status"] == "error"
    assert span.attributes["error.type"] == "ValueError"
    assert [event.attributes["exception.message"] for event in span.events] == ["why"]


def test_what_a_suppressed_item_calls_is_suppressed_too(kept):
    """It has an id for logs, of the map's trace, and is not sampled."""
    seen = []

    @task
    def inner():
        call = current_call()
        seen.append((call.trace_id, call.sampled))

    @task(name="item")
    def outer(x):
        inner()

    with budgeted(kept, 1):
        outer.map(range(30))
    trace_id = f"{kept.span('map item').context.trace_id:032x}"
    assert [span.name for span in kept.spans].count("inner") == 1
    assert seen == [(trace_id, True), *[(trace_id, False)] * 29]


def test_a_map_within_its_budget_says_nothing_of_it(kept):
    """The attribute is there when spans were left out."""
    with budgeted(kept, 3):
        item.map([1, 2, 3])
    assert "pegboard.map.spans_suppressed" not in kept.span("map item").attributes


@pytest.mark.parametrize("budget", [-1, 1.5, "many", True, None])
def test_a_budget_is_a_number_of_spans(budget):
    """Anything else is refused where it is written."""
    with pytest.raises(ValueError, match="span_budget"):
        Tracing(span_budget=budget)
