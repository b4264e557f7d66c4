"""Whether a graph can run."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from pegboard_flow._errors import GraphError
from pegboard_flow.graph.cycles import cycle_error, find_cycle

if TYPE_CHECKING:
    from pegboard_flow.running.shape import Edge


def check(
    name: str, nodes: Iterable[str], edges: Sequence[Edge], starts: Sequence[str], ends: Sequence[str]
) -> None:
    """Refuse a graph that cannot run.

    Raises:
        CycleError: Nodes wait for each other.
        GraphError: No node, start or end, a start that is an end or waits for another node, a node out of reach.
    """
    if not starts:
        raise _wrong(
            name, "has no start, so nothing would run.\nSay where it begins: graph.start_with('...')."
        )
    if not ends:
        raise _wrong(
            name, "has no end, so it would give no value.\nSay where it ends: graph.end_with('...')."
        )
    targets: dict[str, list[str]] = {node: [] for node in nodes}
    for edge in edges:
        targets[edge.source].append(edge.target)
    cycle = find_cycle(targets)
    if cycle is not None:
        raise cycle_error(name, cycle)
    _check_starts(name, edges, starts, ends)
    _check_reach(name, targets, starts)


def _check_starts(name: str, edges: Sequence[Edge], starts: Sequence[str], ends: Sequence[str]) -> None:
    for start in starts:
        if start in ends:
            raise _wrong(
                name,
                f"has {start!r} as a start and as an end.\nA graph of one task is the task: call it directly.",
                start,
            )
    for edge in edges:
        if edge.target in starts:
            raise _wrong(
                name,
                f"begins with {edge.target!r}, which waits for {edge.source!r}.\n"
                f"A start gets the graph's input. Take the edge {edge} away, or begin with {edge.source!r}.",
                edge.target,
            )


def _check_reach(name: str, targets: Mapping[str, Sequence[str]], starts: Sequence[str]) -> None:
    reached = set(starts)
    waiting = deque(starts)
    while waiting:
        for target in targets[waiting.popleft()]:
            if target not in reached:
                reached.add(target)
                waiting.append(target)
    for node in targets:
        if node not in reached:
            raise _wrong(
                name,
                f"cannot reach node {node!r}: no way leads there from {', '.join(starts)}.\n"
                f"Add an edge to it, or begin with it: graph.start_with({node!r}).",
                node,
            )


def _wrong(graph: str, what: str, node: str = "") -> GraphError:
    return GraphError(f"graph {graph!r} {what}", graph=graph, node=node)
