"""Calls of a graph are told which spans they waited for, where somebody traces."""

from __future__ import annotations

import asyncio

import pytest

from pegboard import Scope, Session, hookimpl, task
from pegboard.records import DEPENDS_ON
from pegboard_flow import Graph, flow

double = task(lambda x: 2 * x, name="double")
both = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])


class Tracer:
    """Gives every call ids, and notes what it was told that it waited for."""

    name = "tracer"

    def __init__(self, *untraced: str, source: str = "run") -> None:
        self.told: dict[str, object] = {}
        self._untraced = untraced
        self._source = source

    @hookimpl
    def bind(self, session, task):
        def enter(call):
            if DEPENDS_ON in call.state:
                self.told[task.name] = call.state[DEPENDS_ON]
            if task.name not in self._untraced:
                call.trace_id, call.span_id = "t", task.name
            else:
                call.source = self._source

        return Scope("tracer", enter, lambda call, entered: None)


def chain(is_async: bool = False) -> Graph:
    """Make `a -> b -> c`, and `a -> c`."""
    graph = Graph("g")
    for name in "abc":

        def body(*values: int) -> int:
            return values[0]

        async def abody(*values: int) -> int:
            return values[0]

        graph.add_node(name, task(name=name)(abody if is_async else body))
    graph.add_edge("a", "b").add_edge("b", "c").add_edge("a", "c")
    return graph.start_with("a").end_with("c")


def run(graph, *args: object) -> object:
    value = graph(*args)
    return asyncio.run(value) if asyncio.iscoroutine(value) else value


@both
def test_a_call_is_told_what_it_waited_for(is_async: bool) -> None:
    """Pairs of trace and span id, in the order of the edges; a start waited for nothing."""
    tracer = Tracer()
    with Session(tracer, strict=True):
        assert run(chain(is_async), 1) == 1
    assert tracer.told == {"b": [("t", "a")], "c": [("t", "b"), ("t", "a")]}


@both
def test_where_nobody_traces_nobody_is_told(is_async: bool) -> None:
    """Once a node ran without a span, the others are not asked: that would cost each of them."""
    for untraced in ("abc", "a"):
        tracer = Tracer(*untraced)
        with Session(tracer, strict=True):
            run(chain(is_async), 1)
        assert tracer.told == {}


def test_a_node_from_a_cache_says_nothing_about_the_others() -> None:
    """It may be without a span where others have one; a dependency without one is counted."""
    tracer = Tracer("a", source="cache")
    with Session(tracer, strict=True):
        run(chain(), 1)
    assert tracer.told == {"b": [(None, None)], "c": [("t", "b"), (None, None)]}


def test_each_run_looks_anew() -> None:
    """A graph may be called in one session that traces, and in another that does not."""
    graph, tracer = chain(), Tracer()
    run(graph, 1)
    with Session(tracer, strict=True):
        run(graph, 1)
    assert set(tracer.told) == {"b", "c"}


def test_many_nodes_at_the_same_time_are_told() -> None:
    """Those on the session's executor, too."""
    tracer = Tracer()
    many = [task(lambda x: x, name=f"many {n}") for n in range(20)]
    last = task(lambda values: len([*values]), name="last")

    @flow
    def body():
        first = double(1)
        return last([each(first) for each in many])

    with Session(tracer, executor="threads", strict=True):
        assert body() == 20
    assert tracer.told["many 7"] == [("t", "double")]
    assert tracer.told["last"] == [("t", each.name) for each in many]
