"""Running a graph from sync code."""

from __future__ import annotations

import asyncio
import os
import threading

import pytest

from pegboard import On, Session, task
from pegboard.testing import Recorder
from pegboard_flow import Graph


def add(*values: int) -> int:
    return sum(values) + 1


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


def test_a_failure_waits_for_threads_that_run() -> None:
    """When a graph on threads fails, what runs already is over before the error leaves, and nothing begins."""
    begun, over, ran = threading.Event(), threading.Event(), []

    def slow(x: int) -> None:
        begun.set()
        over.wait(5)
        ran.append("slow")

    def bad(x: int) -> None:
        begun.wait(5)
        threading.Timer(0.05, over.set).start()
        raise ValueError(x)

    graph = (
        Graph().add_node("s", add).add_node("slow", slow).add_node("bad", bad).add_node("after", ran.append)
    )
    graph.add_edge("s", "slow").add_edge("s", "bad").add_edge("slow", "after").start_with("s").end_with(
        "after"
    )
    with pytest.raises(ValueError):
        graph(1)
    assert ran == ["slow"]


def test_graphs_within_graphs_end_in_a_full_pool() -> None:
    """A graph whose nodes are graphs does not deadlock, and hands its value on."""
    outer = Graph("outer").add_node("s", lambda x: x).add_node("e", lambda *x: len(x))
    outer.start_with("s").end_with("e")
    for number in range(40):
        outer.add_node(f"g{number}", diamond()).add_edge("s", f"g{number}").add_edge(f"g{number}", "e")
    assert outer(1) == 40


@pytest.mark.parametrize("executor", ["inline", "threads", "processes"])
def test_nodes_run_where_they_say(executor: str) -> None:
    """A task's own `On` is honoured in a graph; what runs tasks itself stays in this process."""
    far, near = task(On("processes"))(os.getpid), task(os.getpid)
    inner = Graph("inner").add_node("a", abs).add_node("b", abs).add_edge("a", "b")
    graph = Graph().add_node("far", far).add_node("near", near).add_node("minus", lambda: [-1, -2])
    graph.add_node("map", task(abs), map=True).add_edge("minus", "map")
    graph.add_node("one", lambda: -1).add_node("inner", inner.start_with("a").end_with("b"))
    graph.add_edge("one", "inner").start_with("far", "near", "minus", "one")
    graph.add_node("end", lambda *pids: len(pids)).add_edge("far", "end").add_edge("near", "end")
    with Session(executor=executor):
        result = graph.end_with("end", "map", "inner").run()
    assert result.values["far"] != os.getpid()
    assert (result.values["near"] == os.getpid()) is (executor != "processes")
    assert (result.values["map"], result.values["inner"]) == ([1, 2], 1)


def test_what_runs_tasks_stays_in_this_process() -> None:
    """A map and a nested graph are told of here, wherever the session has its functions run."""
    inner = Graph("inner").add_node("a", len).add_node("b", abs).add_edge("a", "b")
    graph = Graph("outer").add_node("map", task(abs), map=True).add_node("end", lambda *both_of: both_of)
    graph.add_node("inner", inner.start_with("a").end_with("b")).add_edge("map", "end").add_edge(
        "inner", "end"
    )
    recorder = Recorder()
    with Session(recorder, executor="processes"):
        assert graph.start_with("map", "inner").end_with("end")([-1, -2]) == ([1, 2], 2)
    kinds = sorted((event.subject.kind, event.subject.name) for event in recorder.of("before_group"))
    assert kinds == [("graph", "inner"), ("graph", "outer"), ("map", "abs")]
    assert not recorder.unbalanced()
