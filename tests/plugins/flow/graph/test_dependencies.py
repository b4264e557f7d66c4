"""The dependency graph, which runs nothing."""

from __future__ import annotations

import itertools
from graphlib import TopologicalSorter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pegboard_flow import CycleError, DependencyGraph, Graph, GraphError


def graph_of(*pairs: str) -> DependencyGraph[str]:
    """Make one of ids a to d, where `ab` is: a waits for b."""
    graph = DependencyGraph[str]()
    for name in "abcd":
        graph.add_task(name)
    for task, need in pairs:
        graph.add_dependency(task=task, depends_on=need)
    return graph


def test_the_order_is_that_of_insertion_among_the_ready() -> None:
    """Deterministic, whatever the order of the dependencies."""
    assert graph_of().topological_sort() == ["a", "b", "c", "d"]
    assert graph_of("ad", "bd").topological_sort() == ["c", "d", "a", "b"]


def test_ready_tasks_wait_for_nothing_that_is_not_completed() -> None:
    """And are not completed themselves."""
    graph = graph_of("ba", "cb", "ca")
    assert graph.get_ready_tasks() == ["a", "d"]
    assert graph.get_ready_tasks({"a", "d"}) == ["b"]
    assert graph.get_ready_tasks(["a", "b", "c", "d"]) == []


def test_a_cycle_is_found_and_healed_by_removing_an_edge() -> None:
    """The path is in the error; a self-dependency is a cycle."""
    graph = graph_of("ab", "bc", "ca")
    assert graph.has_cycle()
    with pytest.raises(CycleError, match="a -> c -> b -> a"):
        graph.topological_sort()
    graph.remove_dependency("c", "a")
    assert not graph.has_cycle()
    assert graph.topological_sort() == ["c", "b", "a", "d"]
    assert graph_of("aa").has_cycle()


def test_a_cycle_is_told_in_one_direction() -> None:
    """By the graph, its error and that of a `Graph`: each before the one that waits for it."""
    graph = graph_of("ba", "cb", "ac")
    built = Graph()
    for name in "sabc":
        built.add_node(name, lambda *values: values)
    built.add_edge("s", "a").add_edge("a", "b").add_edge("b", "c").add_edge("c", "a").start_with(
        "s"
    ).end_with("c")
    with pytest.raises(CycleError) as sorted_:
        graph.topological_sort()
    with pytest.raises(CycleError) as validated:
        built.validate()
    for path in (graph.find_cycle(), sorted_.value.path, validated.value.path):
        assert path[0] == path[-1]
        assert {*itertools.pairwise(path)} == {("a", "b"), ("b", "c"), ("c", "a")}
    assert sorted_.value.path == graph.find_cycle()


def test_a_dependency_is_told_by_keyword_alone() -> None:
    """The other way round it would be as good a call, and a silent mistake."""
    graph = graph_of()
    with pytest.raises(TypeError):
        graph.add_dependency("a", "b")
    with pytest.raises(TypeError):
        graph.add_dependency("a", depends_on="b")
    assert graph.get_dependencies("a") == []


def test_an_id_may_be_added_with_its_dependencies() -> None:
    """And again, which changes nothing."""
    graph = graph_of()
    graph.add_task("e", depends_on=["a", "b"])
    graph.add_task("e")
    assert graph.get_dependencies("e") == ["a", "b"]
    assert (len(graph), "e" in graph, "x" in graph) == (5, True, False)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda graph: graph.add_dependency(task="a", depends_on="x"),
        lambda graph: graph.add_dependency(task="x", depends_on="a"),
        lambda graph: graph.remove_dependency("a", "b"),
        lambda graph: graph.get_dependencies("x"),
        lambda graph: graph.get_ready_tasks(["x"]),
        lambda graph: graph.add_task("y", depends_on=["x"]),
    ],
)
def test_an_unknown_id_is_an_error(wrong) -> None:
    """And changes nothing."""
    graph = graph_of()
    with pytest.raises(GraphError):
        wrong(graph)
    assert graph.get_ready_tasks() == ["a", "b", "c", "d"]


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=14))
def test_it_agrees_with_the_standard_library(pairs: list[tuple[int, int]]) -> None:
    """Cycles are found when, and only when, graphlib finds one, and the order is a valid one."""
    graph, peer = DependencyGraph[int](), TopologicalSorter()
    for number in range(8):
        graph.add_task(number)
        peer.add(number)
    for task, need in pairs:
        graph.add_dependency(task=task, depends_on=need)
        peer.add(task, need)
    try:
        peer.prepare()
    except ValueError:
        assert graph.has_cycle()
        return
    order = graph.topological_sort()
    assert sorted(order) == [*range(8)]
    assert all(order.index(need) < order.index(task) for task, need in pairs)
