"""Spans of groups of every kind, and links to what a call waited for."""

from __future__ import annotations

import pytest
from opentelemetry.trace import StatusCode

from pegboard import Scope, Session, hookimpl, task
from pegboard.records import DEPENDS_ON
from pegboard.running.open_group import open_group
from pegboard_tracing import Tracing

IDS = [(f"{1:032x}", f"{number:016x}") for number in range(1, 151)]


@task(name="leaf")
def leaf(x=0):
    """What groups call."""
    return x


class Waited:
    """Notes what a call waited for; attached before tracing, as whoever runs graphs does it before the call."""

    name = "waited"

    def __init__(self, ids):
        self.ids = ids

    @hookimpl
    def bind(self):
        def enter(call):
            call.state[DEPENDS_ON] = self.ids

        return Scope("waited", enter, lambda call, entered: None)


def leaf_after(kept, ids):
    with Session(Waited(ids), Tracing(), kept, inherit=False, strict=True), open_group("graph", "g") as group:
        group.call(leaf)
    return kept.span("leaf")


def test_a_group_of_several_tasks_is_one_span(session, kept):
    """Its name is kind and name, its calls are its children, and it counts them."""

    @task
    def fails():
        raise ValueError("why")

    with open_group("graph", "survey", size=3) as group:
        group.call(leaf)
        group.submit(leaf).result()
        with pytest.raises(ValueError):
            group.call(fails)
    whole = kept.span("graph survey")
    assert [kept.parent(span) for span in kept.spans if span.name in ("leaf", "fails")] == [
        "graph survey"
    ] * 3
    assert dict(whole.attributes) == {
        "pegboard.task.name": "survey",
        "pegboard.session.id": session.id,
        "pegboard.group.kind": "graph",
        "pegboard.map.size": 3,
        "pegboard.map.succeeded": 2,
        "pegboard.map.failed": 1,
    }
    assert whole.status.status_code is StatusCode.UNSET


def test_an_error_that_leaves_a_group_is_recorded_below_it(session, kept):
    """The group's span is an error too, without a second event."""

    @task
    def fails():
        raise ValueError("why")

    with pytest.raises(ValueError), open_group("graph", "survey") as group:
        group.call(fails)
    whole = kept.span("graph survey")
    assert (whole.status.status_code, len(whole.events)) == (StatusCode.ERROR, 0)
    assert len(kept.span("fails").events) == 1


def test_links_say_what_was_waited_for(kept):
    """In order, with their type and number."""
    span = leaf_after(kept, IDS[:3])
    assert [(link.context.trace_id, link.context.span_id) for link in span.links] == [(1, 1), (1, 2), (1, 3)]
    assert {link.attributes["pegboard.link.type"] for link in span.links} == {"depends_on"}
    assert span.attributes["pegboard.links.count"] == 3


def test_at_most_100_links_and_the_true_number(kept):
    """What is over the limit is counted."""
    span = leaf_after(kept, IDS)
    assert [link.context.span_id for link in span.links] == list(range(1, 101))
    assert span.attributes["pegboard.links.count"] == 150


def test_what_nobody_traced_is_counted_and_not_linked(kept):
    """A call without ids was waited for all the same."""
    span = leaf_after(kept, [(None, None), IDS[0]])
    assert [link.context.span_id for link in span.links] == [1]
    assert span.attributes["pegboard.links.count"] == 2


def test_nothing_waited_for_leaves_no_trace(kept):
    """Neither a link nor a number."""
    span = leaf_after(kept, [])
    assert span.links == ()
    assert "pegboard.links.count" not in span.attributes


@pytest.mark.parametrize("kind", ["gather", "parallel", "pipeline"])
def test_a_group_of_every_kind_has_a_span(session, kept, kind):
    """Whatever it is called, it is one span above its calls."""
    with open_group(kind, "both", task=leaf) as group:
        group.call(leaf)
        group.call(leaf)
    whole = kept.span(f"{kind} both")
    assert whole.attributes["pegboard.group.kind"] == kind
    assert [kept.parent(span) for span in kept.spans if span.name == "leaf"] == [whole.name] * 2
