"""One span for a map, the parent of its items."""

from __future__ import annotations

import asyncio

import pytest
from opentelemetry.trace import StatusCode

from pegboard import Session, task
from pegboard_tracing import Traced


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
    item.map([1, 2])
    assert session.plugins["tracing"]._maps.running == {}
