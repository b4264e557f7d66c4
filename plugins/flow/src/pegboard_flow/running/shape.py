"""A graph as it is run: numbers instead of names, everything that does not depend on a run worked out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs

from pegboard import On
from pegboard.parts.awaiting import is_async_function
from pegboard_flow._tasks import IN_THIS_PROCESS

if TYPE_CHECKING:
    from pegboard import Task

Condition = Callable[[Any], Any]
Inputs = tuple[tuple[Any, ...], Mapping[str, Any]]
NO_KEYWORDS: Mapping[str, Any] = {}


@attrs.frozen
class Node:
    """A task at a place in a graph.

    Attributes:
        name: Unique in the graph.
        task: What runs there; a task bound to an object, too.
        priority: Among nodes that are ready, the higher goes first.
        inputs: Makes the arguments of the values so far; None where they are the outputs of the predecessors.
    """

    name: str
    task: Task[..., Any]
    priority: int = 0
    inputs: Callable[[Sequence[Any]], Inputs] | None = None

    @property
    def is_async(self) -> bool:
        """Whether the task has to be awaited."""
        return self.task.kind in ("coroutine", "async_generator")


@attrs.frozen
class Edge:
    """What lets `target` wait for `source`, both by name.

    Attributes:
        source: The node that comes first.
        target: The node that gets its output.
        condition: Takes that output and says whether the edge is taken; None for always.
    """

    source: str
    target: str
    condition: Condition | None = None

    def __str__(self) -> str:
        """Read as in a drawing."""
        return f"{self.source} -> {self.target}"


@attrs.frozen(eq=False)
class Shape:
    """A graph without a cycle, its nodes numbered so that the smaller of two ready ones goes first.

    Attributes:
        nodes: By number.
        sources: Of each node the nodes that it waits for, in edge order.
        targets: Of each node the nodes that wait for it.
        conditional: Of each node with conditions on edges out of it, those edges and the numbers of their targets.
        starts: The nodes that wait for none, ascending.
        ends: The nodes whose values the run gives, in the order named.
        is_async: Whether any task or condition has to be awaited.
        is_placed: Whether any task says itself where it runs.
    """

    nodes: tuple[Node, ...]
    sources: tuple[tuple[int, ...], ...]
    targets: tuple[tuple[int, ...], ...]
    conditional: Mapping[int, tuple[tuple[int, Edge], ...]]
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    is_async: bool
    is_placed: bool


def shape_of(nodes: Sequence[Node], edges: Sequence[Edge], ends: Sequence[str] = ()) -> Shape:
    """Number the nodes by priority, and among equals in the order given, and the edges with them."""
    ordered = sorted(nodes, key=lambda node: -node.priority)
    number = {node.name: index for index, node in enumerate(ordered)}
    sources: list[list[int]] = [[] for _ in ordered]
    targets: list[list[int]] = [[] for _ in ordered]
    conditional: dict[int, list[tuple[int, Edge]]] = {}
    for edge in edges:
        source, target = number[edge.source], number[edge.target]
        sources[target].append(source)
        targets[source].append(target)
        if edge.condition is not None:
            conditional.setdefault(source, []).append((target, edge))
    return Shape(
        nodes=tuple(ordered),
        sources=tuple(map(tuple, sources)),
        targets=tuple(map(tuple, targets)),
        conditional={source: tuple(found) for source, found in conditional.items()},
        starts=tuple(index for index, found in enumerate(sources) if not found),
        ends=tuple(number[name] for name in ends),
        is_async=any(node.is_async for node in nodes)
        or any(is_async_function(edge.condition) for edge in edges),
        is_placed=any(_is_placed(node) for node in nodes),
    )


def _is_placed(node: Node) -> bool:
    option = node.task.option(On)
    return option is not None and option is not IN_THIS_PROCESS
