"""An exception of a frozen class takes no note and no traceback; it is still the task's own that leaves."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from pegboard import Concurrency, On, Retry, Session, TaskManager, apipeline, gather, parallel, pipeline, task
from pegboard_flow import Graph, sequential


@dataclasses.dataclass(frozen=True)
class Frozen(Exception):  # noqa: N818
    key: int


@task
def load(key: int = 1) -> int:
    raise Frozen(key)


@task
async def aload(key: int = 1) -> int:
    raise Frozen(key)


def awaited(make: Callable[[], Any]) -> Any:
    async def main() -> Any:
        return await make()

    return asyncio.run(main())


def in_a_graph() -> object:
    graph = Graph("g").add_node("load", load).add_node("next", load).add_edge("load", "next")
    return graph.start_with("load").end_with("next")(1)


def in_a_queue() -> object:
    with TaskManager(1) as manager:
        item = manager.wait(manager.submit(load))
    assert item.result is not None
    return item.result.unwrap()


WAYS: dict[str, Callable[[], object]] = {
    "gather": lambda: awaited(lambda: gather(aload(1), load.acall(2))),
    "parallel": lambda: parallel(load, load),
    "pipeline": lambda: pipeline(load, input=1),
    "apipeline": lambda: awaited(lambda: apipeline(load, aload, input=1)),
    "sequential": lambda: sequential(load).execute(),
    "graph": in_a_graph,
    "queue": in_a_queue,
    "aimap": lambda: awaited(lambda: aload.amap([1])),
    "limited": load.with_options(Concurrency(1), Retry(1)),
    "processes": load.with_options(On("processes")),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_frozen_error_leaves_as_itself(way: str) -> None:
    """Whatever is around the call."""
    with Session(inherit=False), pytest.raises(Frozen):
        WAYS[way]()
