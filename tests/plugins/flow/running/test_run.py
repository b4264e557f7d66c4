"""What a finished or failed node means to the run, in sync code and in a loop."""

from __future__ import annotations

import asyncio

import pytest

from pegboard import Session, task
from pegboard_flow import Graph, GraphError, GraphFailed

both = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])


executors = pytest.mark.parametrize("executor", ["inline", "threads"])


def add(*values: int) -> int:
    return sum(values) + 1


def call(graph: Graph, *args: object) -> object:
    """Call a graph, sync or async, to its end."""
    value = graph(*args)
    return asyncio.run(value) if graph.is_async else value


def made(function, is_async: bool):
    """Make a task of a function, sync or async."""

    async def body(*args: object) -> object:
        await asyncio.sleep(0)
        return function(*args)

    return task(body if is_async else function)


def diamond(is_async: bool = False, **settings: object) -> Graph:
    seen = made(lambda *inputs: inputs, is_async)
    graph = Graph("diamond", **settings).add_node("a", seen)
    graph.add_node("b", lambda inputs: ("b", inputs)).add_node("c", lambda inputs: ("c", inputs))
    graph.add_node("d", seen)
    graph.add_edge("a", "c").add_edge("a", "b").add_edge("c", "d").add_edge("b", "d")
    return graph.start_with("a").end_with("d")


@both
def test_a_failing_condition_names_its_edge(is_async: bool) -> None:
    """A condition that raises fails the run, whatever the policy, and a note names the edge."""

    def broken(x: int) -> bool:
        raise KeyError(x)

    async def abroken(x: int) -> bool:
        raise KeyError(x)

    graph = Graph("g", on_error="continue").add_node("a", add).add_node("b", add)
    graph.add_edge("a", "b", condition=abroken if is_async else broken).start_with("a").end_with("b")
    with pytest.raises(KeyError) as caught:
        call(graph, 1)
    assert "in the condition of edge a -> b of graph 'g'" in caught.value.__notes__


def test_a_sync_graph_refuses_a_condition_to_be_awaited() -> None:
    """A sync condition that returns something to await would always be true; it is refused, naming the edge."""

    async def late(x: int) -> bool:
        return False

    def forgetful(x: int) -> object:
        return late(x)

    graph = Graph().add_node("a", add).add_node("b", add)
    graph.add_edge("a", "b", condition=forgetful).start_with("a").end_with("b")
    with pytest.raises(GraphError, match="edge a -> b gave coroutine"):
        graph(1)
    assert asyncio.run(graph.acall(1)) is None


def failing(x: int) -> int:
    raise ValueError(x)


def with_failure(on_error: str, is_async: bool, ran: list[str]) -> Graph:
    """Build a -> bad -> after -> join, a -> good -> join, good -> alone, where bad fails."""

    def noting(name: str):
        def body(*args: int) -> int:
            ran.append(name)
            return sum(args)

        return body

    graph = Graph("g", on_error=on_error).add_node("a", noting("a")).add_node("bad", made(failing, is_async))
    for name in ("after", "good", "join", "alone"):
        graph.add_node(name, noting(name))
    for pair in ("a bad", "bad after", "after join", "a good", "good join", "good alone"):
        graph.add_edge(*pair.split())
    return graph.start_with("a").end_with("join", "alone")


@both
def test_fail_fast_raises_the_tasks_own_error(is_async: bool) -> None:
    """The first failure stops the graph and leaves it, the same object, with a note that names the node."""
    ran: list[str] = []
    with Session(executor="inline"), pytest.raises(ValueError) as caught:
        call(with_failure("fail_fast", is_async, ran), 1)
    assert "in node 'bad' of graph 'g'" in caught.value.__notes__
    assert "after" not in ran
    assert "join" not in ran


@both
def test_continue_leaves_out_what_depends_on_a_failure(is_async: bool) -> None:
    """Dependents of a failure do not run, all others do; an end cut off holds the error."""
    ran: list[str] = []
    value = call(with_failure("continue", is_async, ran), 1)
    assert ran == ["a", "good", "alone"]
    assert isinstance(value["join"], ValueError)
    assert value["alone"] == 1


@both
def test_aggregate_raises_once_with_all_failures(is_async: bool) -> None:
    """The rest runs to its end, and then one group holds the very errors, by name too."""
    graph = Graph("g", on_error="aggregate").add_node("a", add)
    for name in ("b", "c", "d"):
        graph.add_node(name, made(add if name == "d" else failing, is_async)).add_edge("a", name)
    graph.start_with("a").end_with("d")
    with pytest.raises(GraphFailed, match="2 nodes of graph 'g' failed: b, c") as caught:
        call(graph, 1)
    assert [*caught.value.errors] == ["b", "c"]
    assert caught.value.exceptions == tuple(caught.value.errors.values())


def test_run_tells_what_became_of_every_node() -> None:
    """The result of a run has values, errors, and the nodes that were skipped, cut off or stopped."""
    result = with_failure("continue", False, []).run(1)
    assert [*result.values] == ["a", "good", "alone"]
    assert ([*result.errors], result.cut_off, result.stopped, result.error) == (
        ["bad"],
        ("after", "join"),
        (),
        None,
    )
    with Session(executor="inline"):
        stopped = with_failure("fail_fast", False, []).run(1)
    assert stopped.error is stopped.errors["bad"]
    assert (stopped.cut_off, stopped.stopped) == (("after",), ("good", "join", "alone"))
    with pytest.raises(ValueError):
        stopped.unwrap()
    assert "1" not in repr(stopped).replace("<0 values>", "").replace("<1 values>", "")


def test_arun_of_an_async_graph() -> None:
    """The twin of run awaits; run itself says so."""
    graph = diamond(is_async=True)
    assert asyncio.run(graph.arun(1)).unwrap() == (("c", (1,)), ("b", (1,)))
    with pytest.raises(GraphError, match=r"await graph\.arun"):
        graph.run(1)


@executors
def test_ctrl_c_stops_whatever_the_policy(executor: str) -> None:
    """A KeyboardInterrupt in a node is no failure to go on from."""
    ran: list[object] = []

    def interrupted(x: int) -> None:
        raise KeyboardInterrupt

    graph = (
        Graph(on_error="continue").add_node("s", add).add_node("bad", interrupted).add_node("b", ran.append)
    )
    graph.add_edge("s", "bad").add_edge("bad", "b").start_with("s").end_with("b")
    with Session(executor=executor), pytest.raises(KeyboardInterrupt):
        graph(1)
    assert not ran


def test_runs_share_no_state() -> None:
    """One graph may run many times at once."""
    graph = diamond()
    caller = task(graph)
    with Session():
        assert caller.map(range(20)) == [(("c", (x,)), ("b", (x,))) for x in range(20)]
