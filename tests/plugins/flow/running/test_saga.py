"""Nodes and steps that are undone when a later one fails."""

from __future__ import annotations

import asyncio
import threading

import pytest

from pegboard import Graph, Session, Suspended, Undo, sequential, task
from pegboard_flow import GraphFailed


@pytest.fixture
def undone():
    return []


def node(number, undone, fails=(), kind="sync", undo=None):
    """Make a task that can be undone."""

    def take_back(*_):
        if undo is not None:
            undo(number)
        undone.append(number)

    async def atake_back(*_):
        await asyncio.sleep(0)
        take_back()

    if kind == "sync":

        @task(Undo(take_back))
        def work(*_):
            if number in fails:
                raise OSError(f"no {number}")
            return number
    else:

        @task(Undo(atake_back))
        async def work(*_):
            await asyncio.sleep(0)
            if number in fails:
                raise OSError(f"no {number}")
            return number

    return work


def line(undone, fails=(4,), **options):
    """Make a graph of five nodes, one after another."""
    kind, undo = options.pop("kind", "sync"), options.pop("undo_with", None)
    graph = Graph("trip", **options)
    for number in range(1, 6):
        graph.add_node(f"n{number}", node(number, undone, fails, kind, undo))
    for number in range(1, 5):
        graph.add_edge(f"n{number}", f"n{number + 1}")
    return graph.start_with("n1").end_with("n5")


def run(given):
    """Call a graph or workflow, whatever is in it."""
    value = given() if callable(given) else given.execute()
    if asyncio.iscoroutine(value):

        async def main():
            return await value

        return asyncio.run(main())
    return value


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_graph_undoes_what_ended_when_a_later_node_fails(undone, kind) -> None:
    """In reverse, after what the failed node undoes of itself."""
    with Session(), pytest.raises(OSError, match="no 4"):
        run(line(undone, undo=True, kind=kind))
    assert undone == [4, 3, 2, 1]


def test_a_graph_undoes_nothing_unless_it_is_asked_to(undone) -> None:
    """Only the failed node undoes itself."""
    with Session(), pytest.raises(OSError):
        run(line(undone))
    assert undone == [4]


def test_a_graph_that_succeeds_undoes_nothing(undone) -> None:
    """Nor one that goes on after a failure, and gives it."""
    with Session():
        assert run(line(undone, fails=(), undo=True)) == 5
        assert undone == []
        assert isinstance(run(line(undone, undo=True, on_error="continue")), OSError)
    assert undone == [4]


def test_a_graph_that_aggregates_undoes_at_its_end(undone) -> None:
    """When it raises what failed."""
    with Session(), pytest.raises(GraphFailed):
        run(line(undone, undo=True, on_error="aggregate"))
    assert undone == [4, 3, 2, 1]


def test_a_suspended_graph_undoes_nothing(undone) -> None:
    """It goes on later."""

    @task
    def suspends(_):
        raise Suspended("later")

    graph = Graph("g", undo=True).add_node("a", node(1, undone)).add_node("b", suspends).add_edge("a", "b")
    with Session(), pytest.raises(Suspended):
        graph.start_with("a").end_with("b")()
    assert undone == []


def test_a_node_that_ends_after_the_failure_is_undone_too(undone) -> None:
    """What runs beside the one that fails is waited for."""
    failed = threading.Event()

    @task(Undo(lambda *_: undone.append("slow")))
    def slow(_):
        failed.wait(10)
        return 1

    @task
    def fails(_):
        try:
            raise OSError
        finally:
            threading.Timer(0.02, failed.set).start()

    graph = Graph("g", undo=True, concurrency=3).add_node("a", node(1, undone))
    graph.add_node("slow", slow).add_node("fails", fails)
    graph.add_edge("a", "slow").add_edge("a", "fails")
    with Session(), pytest.raises(OSError):
        graph.start_with("a").end_with("slow", "fails")()
    assert undone == ["slow", 1]


def test_an_undo_that_fails_is_noted_with_what_is_left(undone) -> None:
    """The error that it was undone for leaves."""

    def undo(number):
        if number == 2:
            raise KeyError

    with Session(), pytest.raises(OSError) as caught:
        run(line(undone, undo=True, undo_with=undo))
    assert undone == [4, 3]
    assert any(
        "undo of 'n2' failed: KeyError; not undone are: 'n2', 'n1'" in note for note in caught.value.__notes__
    )


@pytest.mark.parametrize("way", ["execute", "aexecute"])
def test_a_sequence_undoes_what_ended(undone, way) -> None:
    """The last step first."""
    flow = sequential(*(node(number, undone, (3,)) for number in (1, 2, 3)), undo=True)

    async def main():
        return await flow.aexecute()

    with Session(), pytest.raises(OSError):
        flow.execute() if way == "execute" else asyncio.run(main())
    assert undone == [3, 2, 1]


def test_a_sequence_undoes_nothing_unless_it_is_asked_to(undone) -> None:
    """As a graph."""
    with Session(), pytest.raises(OSError):
        sequential(node(1, undone), node(2, undone, (2,))).execute()
    assert undone == [2]


@pytest.mark.parametrize("make", [lambda: Graph(undo="yes"), lambda: sequential(undo="yes")])
def test_undo_is_true_or_false(make) -> None:
    """Anything else is refused."""
    with pytest.raises(TypeError):
        make()


def test_a_coroutine_of_a_cancelled_graph_is_undone(undone) -> None:
    """What ended is; the cancellation leaves."""
    begun = asyncio.Event

    async def main():
        started = begun()

        @task
        async def waits(_):
            started.set()
            await asyncio.sleep(60)

        graph = Graph("g", undo=True).add_node("a", node(1, undone, kind="async")).add_node("b", waits)
        running = asyncio.ensure_future(graph.add_edge("a", "b").start_with("a").end_with("b")())
        await started.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    with Session():
        asyncio.run(main())
    assert undone == [1]
