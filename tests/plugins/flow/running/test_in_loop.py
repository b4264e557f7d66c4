"""Running a graph in an event loop."""

from __future__ import annotations

import asyncio
import gc

import pytest

from pegboard import Session
from pegboard.testing import Recorder
from pegboard_flow import Graph


def add(*values: int) -> int:
    return sum(values) + 1


def test_a_failure_cancels_and_awaits_async_nodes() -> None:
    """When an async graph fails, its other nodes are cancelled and over before the error leaves."""
    log: list[str] = []

    async def slow(x: int) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            log.append("over")

    async def bad(x: int) -> None:
        await asyncio.sleep(0.01)
        raise ValueError(x)

    graph = Graph().add_node("s", add).add_node("slow", slow).add_node("bad", bad)
    graph.add_edge("s", "slow").add_edge("s", "bad").start_with("s").end_with("slow", "bad")

    async def main() -> None:
        with pytest.raises(ValueError):
            await graph(1)
        assert log == ["over"]
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())


def test_failures_at_the_same_time_leave_no_complaint_of_asyncio() -> None:
    """One of them is raised; the others were seen, and are not logged as forgotten."""

    async def bad(x: int) -> None:
        raise ValueError(x)

    graph = Graph().add_node("s", add).start_with("s")
    for name in "abc":
        graph.add_node(name, bad).add_edge("s", name).end_with(name)
    complaints: list[object] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        with pytest.raises(ValueError):
            await graph(1)
        gc.collect()

    asyncio.run(main())
    assert complaints == []


def test_cancelling_an_async_graph_cancels_its_nodes() -> None:
    """A cancelled graph leaves nothing running, and its group ends exactly once, as cancelled."""
    log: list[str] = []

    async def slow(x: int) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            log.append("cancelled")
            raise

    graph = Graph().add_node("s", add).add_node("a", slow).add_node("b", slow)
    graph.add_edge("s", "a").add_edge("s", "b").start_with("s").end_with("a", "b")
    recorder = Recorder()

    async def main() -> None:
        async with Session(recorder):
            running = asyncio.create_task(graph(1))
            await asyncio.sleep(0.05)
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
            assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())
    assert log == ["cancelled", "cancelled"]
    assert [event.details["outcome"].status for event in recorder.of("after_group")] == ["cancelled"]
    assert not recorder.unbalanced()
