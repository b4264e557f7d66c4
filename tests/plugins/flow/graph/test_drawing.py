"""Drawings of a graph."""

from __future__ import annotations

import json

from pegboard_flow import Graph


def is_big(x: int) -> bool:
    raise AssertionError("a drawing runs nothing")


def drawn() -> Graph:
    graph = (
        Graph('say "hi"')
        .add_node("read", is_big)
        .add_node("big", is_big, priority=2)
        .add_node("<other>", is_big)
    )
    graph.add_edge("read", "big", condition=is_big).add_edge("read", "<other>", condition=lambda x: x)
    return graph.start_with("read").end_with("big")


def test_dot() -> None:
    """Names are quoted, starts bold, ends doubled, conditional edges labelled."""
    assert drawn().dot().splitlines() == [
        'digraph "say \\"hi\\"" {',
        '    "read" [style=bold];',
        '    "big" [peripheries=2];',
        '    "<other>";',
        '    "read" -> "big" [label="is_big"];',
        '    "read" -> "<other>" [label="condition"];',
        "}",
    ]


def test_mermaid() -> None:
    """Nodes have numbers for ids, and their names are escaped."""
    assert drawn().mermaid().splitlines() == [
        "flowchart TD",
        '    n0(["read"])',
        '    n1[["big"]]',
        '    n2["&lt;other&gt;"]',
        '    n0 -->|"is_big"| n1',
        '    n0 -->|"condition"| n2',
    ]


def test_json() -> None:
    """It holds names, kinds, priorities and conditions, and is what `describe` returns."""
    graph = drawn()
    told = json.loads(graph.to_json())
    assert told == graph.describe()
    assert told["nodes"][1] == {"name": "big", "task": "is_big", "kind": "function", "priority": 2}
    assert told["edges"][1] == {"source": "read", "target": "<other>", "condition": "condition"}
    assert (told["name"], told["start"], told["end"]) == ('say "hi"', ["read"], ["big"])


def test_a_graph_that_cannot_run_can_be_drawn() -> None:
    """To see what is wrong with it."""
    graph = Graph().add_node("a", is_big).add_node("b", is_big).add_edge("a", "b").add_edge("b", "a")
    assert graph.mermaid().count("-->") == 2
