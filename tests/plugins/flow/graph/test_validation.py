"""Graphs that cannot run, and what is said of them."""

from __future__ import annotations

import itertools

import pytest

from pegboard import InvalidTask, task
from pegboard_flow import CycleError, Graph, GraphError


def chain(*names: str) -> Graph:
    graph = Graph("g")
    for name in names:
        graph.add_node(name, lambda *x: x)
    for source, target in itertools.pairwise(names):
        graph.add_edge(source, target)
    return graph


def test_a_cycle_shows_its_path() -> None:
    """At validate and at a call, the error holds the path."""
    graph = chain("a", "b", "c", "d").add_edge("d", "b").start_with("a").end_with("d")
    for refuse in (graph.validate, lambda: graph(1)):
        with pytest.raises(CycleError, match="b -> c -> d -> b") as caught:
            refuse()
        assert caught.value.path == ("b", "c", "d", "b")


def test_an_edge_to_itself_is_a_cycle() -> None:
    """Refused where it is added."""
    with pytest.raises(CycleError, match="a -> a"):
        chain("a").add_edge("a", "a")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda: chain("a", "b").end_with("b").validate(), "has no start"),
        (lambda: chain("a", "b").start_with("a").validate(), "has no end"),
        (lambda: chain("a").start_with("a").end_with("a").validate(), "'a' as a start and as an end"),
        (
            lambda: chain("a", "b").start_with("a", "b").end_with("b").validate(),
            "'b' as a start and as an end",
        ),
        (
            lambda: chain("a", "b", "c").start_with("a", "b").end_with("c").validate(),
            "begins with 'b', which waits for 'a'",
        ),
        (
            lambda: chain("a", "b").add_node("x", print).start_with("a").end_with("b").validate(),
            "cannot reach node 'x'",
        ),
        (lambda: chain("a").add_node("a", print), "has a node 'a' already"),
        (lambda: chain("a").add_edge("a", "x"), "has no node 'x'"),
        (lambda: chain("a").add_edge("x", "a"), "has no node 'x'"),
        (lambda: chain("a").start_with("x"), "has no node 'x'"),
        (lambda: chain("a").end_with("x"), "has no node 'x'"),
        (lambda: chain("a", "b").add_edge("a", "b"), "has the edge a -> b already"),
        (lambda: Graph("g").validate(), "has no start"),
    ],
)
def test_a_graph_that_cannot_run_is_refused(wrong, says: str) -> None:
    """The error names the graph and what is wrong with it."""
    with pytest.raises(GraphError, match=says) as caught:
        wrong()
    assert caught.value.graph == "g"


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (lambda: Graph(on_error="explode"), ValueError),
        (lambda: Graph(concurrency=0), ValueError),
        (lambda: Graph(concurrency=True), ValueError),
        (lambda: chain("a").add_node("b", 3), InvalidTask),
        (lambda: chain("a").add_node("b", dict), InvalidTask),
        (lambda: chain("a").add_node("b", print, priority="high"), TypeError),
        (lambda: chain("a", "b", "c").add_edge("a", "c", condition="yes"), TypeError),
    ],
)
def test_a_wrong_word_fails_where_it_is_written(wrong, error: type[Exception]) -> None:
    """Not at the first run."""
    with pytest.raises(error):
        wrong()


def test_a_graph_goes_on_being_built_after_a_run() -> None:
    """What was worked out for a run is forgotten when the graph changes."""
    graph = chain("a", "b").start_with("a").end_with("b")
    assert graph(1) == ((1,),)
    graph.add_node("c", lambda x: ("c", x)).add_edge("b", "c").end_with("c")
    assert graph(1) == {"b": ((1,),), "c": ("c", ((1,),))}


def test_one_task_may_stand_at_two_nodes() -> None:
    """The same task is accepted twice, under two names."""
    double = task(lambda x: 2 * x)
    graph = Graph().add_node("a", double).add_node("b", double).add_edge("a", "b")
    assert graph.start_with("a").end_with("b")(3) == 12
