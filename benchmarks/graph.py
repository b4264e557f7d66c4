"""What a node of a graph costs, next to Hamilton with a driver built beforehand."""

from __future__ import annotations

import asyncio
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from benchmarks.calls import aplain
from benchmarks.measure import Row, measure, plain, table
from pegboard import Session, task
from pegboard_flow import Graph, flow

GOAL = 6.0


def chain(size: int, step: Callable[..., object] = plain) -> Graph:
    """Nodes one after another."""
    node = task(step)
    graph = Graph("chain")
    for number in range(size):
        graph.add_node(str(number), node)
    for number in range(1, size):
        graph.add_edge(str(number - 1), str(number))
    return graph.start_with("0").end_with(str(size - 1)).validate()


def fan(size: int, step: Callable[..., object] = plain) -> Graph:
    """One node, many that wait for it, and one that waits for all of these."""
    node = task(step)
    graph = Graph("fan").add_node("first", node).add_node("last", lambda *values: len(values))
    for number in range(size - 2):
        graph.add_node(str(number), node).add_edge("first", str(number)).add_edge(str(number), "last")
    return graph.start_with("first").end_with("last").validate()


def called(graph: Graph, executor: str) -> Callable[[], object]:
    """Open a row that calls a graph."""

    @contextmanager
    def opened() -> Iterator[Callable[[int], object]]:
        with Session(executor=executor, inherit=False):
            yield lambda times: [graph(1) for _ in range(times)]

    return opened


def awaited(graph: Graph) -> Callable[[], object]:
    """Open a row that awaits a graph."""

    async def main(times: int) -> None:
        for _ in range(times):
            await graph(1)

    @contextmanager
    def opened() -> Iterator[Callable[[int], object]]:
        with Session(inherit=False):
            yield lambda times: asyncio.run(main(times))

    return opened


def recorded(size: int) -> Callable[[], object]:
    """Open a row that calls a flow, its body included."""
    step = task(plain)

    @flow
    def body(value: int) -> int:
        for _ in range(size):
            value = step(value)
        return value

    @contextmanager
    def opened() -> Iterator[Callable[[int], object]]:
        with Session(executor="inline", inherit=False):
            yield lambda times: [body(1) for _ in range(times)]

    return opened


def hamilton(size: int) -> Callable[[], object]:
    """Open a row that executes a chain with Hamilton's own executor; its driver is built before the clock runs."""

    @contextmanager
    def opened() -> Iterator[Callable[[int], object]]:
        from hamilton import base, driver

        module = types.ModuleType("benchmarks_hamilton_nodes")
        lines = ["def n0(given: int) -> int: return given"]
        lines += [f"def n{i}(n{i - 1}: int) -> int: return n{i - 1}" for i in range(1, size)]
        exec("\n".join(lines), module.__dict__)  # noqa: S102 - Hamilton reads its nodes from the functions of a module
        sys.modules[module.__name__] = module
        built = driver.Driver({}, module, adapter=base.DefaultAdapter())
        last = [f"n{size - 1}"]
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(max(limit, size * 10))  # it walks its graph by recursion
        try:
            yield lambda times: [built.execute(last, inputs={"given": 1}) for _ in range(times)]
        finally:
            sys.setrecursionlimit(limit)
            del sys.modules[module.__name__]

    return opened


def rows() -> list[Row]:
    """Graphs of a thousand nodes and of ten thousand."""
    few, many = {"times": 1, "each": 1_000}, {"times": 1, "each": 10_000}
    return [
        Row("1k nodes in a chain, per node", called(chain(1_000), "threads"), GOAL, **few),
        Row("10k nodes in a chain, per node", called(chain(10_000), "threads"), GOAL, **many),
        Row("1k nodes side by side, inline, per node", called(fan(1_000), "inline"), GOAL, **few),
        Row("10k nodes side by side, inline, per node", called(fan(10_000), "inline"), GOAL, **many),
        Row("1k nodes side by side, threads, per node", called(fan(1_000), "threads"), **few),
        Row("1k nodes side by side, asyncio, per node", awaited(fan(1_000, aplain)), **few),
        Row("flow of 1k calls, body included, per node", recorded(1_000), **few),
        Row("Hamilton, 1k nodes in a chain, per node", hamilton(1_000), **few),
    ]


def report() -> str:
    """Measure and lay out."""
    return table("Graphs", measure(rows()))


if __name__ == "__main__":
    print(report())
