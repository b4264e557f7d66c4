"""Cycles: found without recursion, as graphs may be deep, and told of."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import TypeVar

from pegboard_flow._errors import CycleError

T = TypeVar("T", bound=Hashable)


def find_cycle(targets: Mapping[T, Iterable[T]]) -> tuple[T, ...] | None:
    """Return one cycle as a path that ends where it begins, each before the one that waits for it; None without one.

    Args:
        targets: Of every node the nodes that an edge leads to, in order.
    """
    over: set[T] = set()
    for root in targets:
        if root not in over:
            cycle = _search(targets, root, over)
            if cycle is not None:
                return cycle
    return None


def _search(targets: Mapping[T, Iterable[T]], root: T, over: set[T]) -> tuple[T, ...] | None:
    path: dict[T, Iterator[T]] = {root: iter(targets[root])}
    while path:
        node = next(reversed(path))
        for target in path[node]:
            if target in path:
                nodes = [*path]
                return (*nodes[nodes.index(target) :], target)
            if target not in over:
                path[target] = iter(targets[target])
                break
        else:
            del path[node]
            over.add(node)
    return None


def cycle_error(graph: str, path: tuple[str, ...]) -> CycleError:
    """Say which nodes wait for each other."""
    return CycleError(
        f"graph {graph!r} has a cycle: {' -> '.join(path)}.\n"
        f"Each of these waits for the one before it, so none would ever run. Take one of the edges away.",
        graph=graph,
        node=path[0],
        path=path,
    )
