"""The errors of graphs."""

from __future__ import annotations

import pickle

import pytest

from pegboard import PegboardError
from pegboard_flow import CycleError, Graph, GraphFailed


def broken(x: int) -> int:
    raise KeyError(x)


def failed() -> GraphFailed:
    graph = Graph("g", on_error="aggregate").add_node("a", broken).add_node("b", broken).add_edge("a", "b")
    with pytest.raises(GraphFailed) as caught:
        graph.start_with("a").end_with("b")(1)
    return caught.value


def test_aggregated_failures_can_be_split() -> None:
    """`except*` works, and what it makes is a group of Pegboard's still."""
    error = failed()
    assert isinstance(error, PegboardError)
    caught, rest = error.split(KeyError)
    assert (type(caught.exceptions[0]), rest) == (KeyError, None)


def test_errors_survive_pickling() -> None:
    """With their text, their facts, and the errors in them."""
    copy = pickle.loads(pickle.dumps(failed()))
    assert (copy.graph, [*copy.errors], type(copy.exceptions[0])) == ("g", ["a"], KeyError)
    with pytest.raises(CycleError) as caught:
        Graph("g").add_node("a", broken).add_edge("a", "a")
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (copy.path, str(copy)) == (("a", "a"), str(caught.value))
