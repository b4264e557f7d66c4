"""Any graph: every node once, after what it waits for, with the values of a plain evaluation."""

from __future__ import annotations

import asyncio
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pegboard import Session
from pegboard_flow import Graph


@st.composite
def graphs(draw) -> list[tuple[int, list[int]]]:
    """Draw, for each node, its priority and the nodes before it that it waits for."""
    size = draw(st.integers(2, 12))
    before = [
        draw(st.lists(st.integers(0, number - 1), unique=True, max_size=4)) if number else []
        for number in range(size)
    ]
    return [(draw(st.integers(0, 3)), sources) for sources in before]


@pytest.mark.parametrize("mode", ["inline", "threads", "async"])
@settings(max_examples=40, deadline=None)
@given(nodes=graphs())
def test_every_node_runs_once_after_its_predecessors(mode: str, nodes: list[tuple[int, list[int]]]) -> None:
    """Same results as evaluating the nodes one by one."""
    guard, ran = threading.Lock(), []

    def make(number: int):
        def body(*inputs: object) -> object:
            with guard:
                ran.append(number)
            return (number, inputs)

        async def abody(*inputs: object) -> object:
            return body(*inputs)

        return abody if mode == "async" else body

    graph, expected = Graph(), {}
    for number, (priority, sources) in enumerate(nodes):
        graph.add_node(str(number), make(number), priority=priority)
        for source in sources:
            graph.add_edge(str(source), str(number))
        expected[number] = (number, tuple(expected[s] for s in sources) if sources else ("given",))
    graph.add_node("end", lambda *inputs: inputs)
    for number in range(len(nodes)):
        graph.add_edge(str(number), "end")
    graph.start_with(*(str(n) for n, (_, sources) in enumerate(nodes) if not sources)).end_with("end")

    with Session(executor="inline" if mode == "inline" else "threads"):
        value = asyncio.run(graph("given")) if mode == "async" else graph("given")
    assert value == tuple(expected.values())
    assert sorted(ran) == [*range(len(nodes))]
    assert all(ran.index(s) < ran.index(n) for n, (_, sources) in enumerate(nodes) for s in sources)


@settings(max_examples=60, deadline=None)
@given(nodes=graphs(), refused=st.sets(st.integers(0, 40)), failed=st.sets(st.integers(0, 11)))
def test_what_becomes_of_each_node_follows_from_its_sources(
    nodes: list[tuple[int, list[int]]], refused: set[int], failed: set[int]
) -> None:
    """Cut off by any source that failed or was cut off, else skipped unless an edge to it is taken."""

    def make(number: int):
        def body(*_: object) -> int:
            if number in failed:
                raise ValueError(number)
            return number

        return body

    graph, states, edge = Graph(on_error="continue").add_node("s", lambda: 0), {"s": "done"}, 0
    for number, (_, before) in enumerate(nodes):
        name, taken = str(number), []
        sources = [str(source) for source in before] or ["s"]
        graph.add_node(name, make(number))
        for source in sources:
            taken.append(edge not in refused)
            graph.add_edge(source, name, condition=lambda _, yes=taken[-1]: yes)
            edge += 1
        states[name] = fate([states[s] for s in sources], taken, number in failed)
    with Session(executor="inline"):
        result = graph.start_with("s").end_with("0").run()
    found = dict.fromkeys(result.values, "done") | dict.fromkeys(result.errors, "failed")
    found |= dict.fromkeys(result.skipped, "skipped") | dict.fromkeys(result.cut_off, "cut off")
    assert found == states
    assert result.stopped == ()


def fate(sources: list[str], taken: list[bool], fails: bool) -> str:
    """Say what becomes of a node, by its sources and the edges from them."""
    if {"failed", "cut off"} & {*sources}:
        return "cut off"
    if not any(state == "done" and yes for state, yes in zip(sources, taken, strict=True)):
        return "skipped"
    return "failed" if fails else "done"
