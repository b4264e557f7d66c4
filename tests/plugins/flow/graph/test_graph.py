"""Graphs: what they give, in which order, and what a branch, a condition and a failure mean."""

from __future__ import annotations

import asyncio
import threading

import pytest

from pegboard import Session, current_call, task
from pegboard.testing import Recorder
from pegboard_flow import Graph

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
@executors
def test_a_join_runs_once_with_its_inputs_in_edge_order(is_async: bool, executor: str) -> None:
    """The join of a diamond runs once with both inputs; twice the graph, twice the same answer."""
    recorder = Recorder()
    graph = diamond(is_async)
    with Session(recorder, executor=executor):
        first, second = call(graph, 1), call(graph, 1)
    assert first == second == (("c", (1,)), ("b", (1,)))
    assert len(recorder.of("after_execute")) == 8


def test_starts_get_what_the_graph_is_called_with() -> None:
    """Positional and keyword inputs go to every start."""
    graph = Graph().add_node("a", lambda x, y=0: x + y).add_node("b", lambda x, y=0: x * y).add_node("c", add)
    graph.add_edge("a", "c").add_edge("b", "c").start_with("a", "b").end_with("c")
    assert graph(3, y=4) == 7 + 12 + 1


@both
@pytest.mark.parametrize("big", [True, False], ids=["one branch", "the other"])
def test_of_exclusive_branches_the_one_taken_gives_the_value(is_async: bool, big: bool) -> None:
    """An exclusive branch with two ends gives the value of the branch taken; the other is skipped."""

    async def is_small(x: int) -> bool:
        await asyncio.sleep(0)
        return x < 10

    graph = Graph().add_node("read", lambda x: x).add_node("big", lambda x: ("big", x))
    graph.add_node("small", lambda x: ("small", x)).add_node("after", lambda x: x)
    graph.add_edge("read", "big", condition=lambda x: x >= 10)
    graph.add_edge("read", "small", condition=is_small if is_async else lambda x: x < 10)
    graph.add_edge("small", "after")
    graph.start_with("read").end_with("big", "after")
    assert call(graph, 10 if big else 9) == (("big", 10) if big else ("small", 9))
    if not is_async:
        assert graph.run(10).skipped == ("small", "after")


def test_a_join_of_branches_takes_what_was_taken() -> None:
    """An edge not taken skips only what hangs on nothing else."""
    graph = Graph().add_node("a", lambda x: x).add_node("b", lambda x: x).add_node("c", lambda *taken: taken)
    graph.add_edge("a", "b", condition=lambda x: x > 0).add_edge("b", "c").add_edge("a", "c")
    graph.start_with("a").end_with("c")
    assert graph(1) == (1, 1)
    assert graph(0) == (0,)


def test_several_ends_give_a_dict_and_none_gives_none() -> None:
    """More ends reached are a dict by name, in the order named; none reached is None."""
    graph = Graph().add_node("a", lambda x: x)
    for name in ("b", "c"):
        graph.add_node(name, add).add_edge("a", name, condition=lambda x: x > 0)
    graph.start_with("a").end_with("c", "b")
    assert [*graph(1).items()] == [("c", 2), ("b", 2)]
    assert graph(0) is None


def test_among_ready_nodes_the_highest_priority_goes_first() -> None:
    """Priority, then the order added; ten does not sort before two, and a later-ready high node overtakes."""
    ran: list[str] = []
    graph = Graph().add_node("s", lambda: None)
    for name, priority in (("low", 0), ("two", 2), ("ten", 10), ("two_more", 2)):
        graph.add_node(name, lambda _, name=name: ran.append(name), priority=priority).add_edge("s", name)
    graph.add_node("late", lambda _: ran.append("late"), priority=5).add_edge("ten", "late")
    graph.start_with("s").end_with("low")
    with Session(executor="inline"):
        graph()
    assert ran == ["ten", "late", "two", "two_more", "low"]


@both
def test_independent_nodes_overlap(is_async: bool) -> None:
    """Nodes that do not wait for each other run at the same time."""
    barrier, abarrier = threading.Barrier(3), asyncio.Barrier(3)

    def meet(x: int) -> int:
        barrier.wait(5)
        return x

    async def ameet(x: int) -> int:
        await asyncio.wait_for(abarrier.wait(), 5)
        return x

    graph = Graph().add_node("s", add).add_node("e", add).start_with("s").end_with("e")
    for name in "abc":
        graph.add_node(name, ameet if is_async else meet).add_edge("s", name).add_edge(name, "e")
    assert call(graph, 1) == 7


@both
def test_concurrency_limits_what_runs_at_once(is_async: bool) -> None:
    """`concurrency=2` is never exceeded, and is reached."""
    guard, running, most = threading.Lock(), [], []
    barrier, abarrier = threading.Barrier(2), asyncio.Barrier(2)

    def enter() -> None:
        with guard:
            running.append(1)
            most.append(len(running))

    def work(x: int) -> None:
        enter()
        barrier.wait(5)
        running.pop()

    async def awork(x: int) -> None:
        enter()
        await asyncio.wait_for(abarrier.wait(), 5)
        running.pop()

    graph = Graph(concurrency=2).add_node("s", add).add_node("e", lambda *x: x).start_with("s").end_with("e")
    for name in "abcd":
        graph.add_node(name, awork if is_async else work).add_edge("s", name).add_edge(name, "e")
    call(graph, 1)
    assert max(most) == 2


def test_an_async_graph_within_a_graph_makes_it_async() -> None:
    """A nested graph is a node of the kind that it is."""
    outer = Graph("outer").add_node("s", lambda x: x).add_node("g", diamond(is_async=True))
    outer.add_edge("s", "g").start_with("s").end_with("g")
    assert outer.is_async
    assert asyncio.run(outer(1)) == (("c", (1,)), ("b", (1,)))


@both
def test_map_calls_the_task_for_each_item(is_async: bool) -> None:
    """How many there are shows when the graph runs; none is fine, too."""
    graph = Graph().add_node("s", lambda n: [*range(n)]).add_node("each", made(add, is_async), map=True)
    graph.add_edge("s", "each").add_node("sum", sum).add_edge("each", "sum")
    graph.start_with("s").end_with("sum")
    assert call(graph, 4) == 10
    assert call(graph, 0) == 0


def test_streams_and_methods_are_nodes() -> None:
    """A generator task gives the list of its items; a task may be bound to an object."""

    class Shop:
        factor = 3

        @task
        def sell(self, items: list[int]) -> int:
            return self.factor * sum(items)

    def count(n: int):
        yield from range(n)

    async def acount(n: int):
        yield n

    graph = Graph().add_node("n", count).add_node("sell", Shop().sell).add_edge("n", "sell")
    assert graph.start_with("n").end_with("sell")(4) == 18
    graph = Graph().add_node("n", acount).add_node("sell", Shop().sell).add_edge("n", "sell")
    assert asyncio.run(graph.start_with("n").end_with("sell")(4)) == 12


def test_observers_see_one_group_with_a_call_for_each_node() -> None:
    """A run is a group of kind graph, paired once, and its calls carry it."""
    recorder = Recorder()
    with Session(recorder):
        value = diamond()(1)
    (begin,), (end,) = recorder.of("before_group"), recorder.of("after_group")
    assert (begin.subject.kind, begin.subject.name, begin.subject.size) == ("graph", "diamond", 4)
    assert end.details["outcome"].value == value
    assert all(event.subject.group is begin.subject for event in recorder.of("before_execute"))
    assert not recorder.unbalanced()


def test_a_graph_in_a_task_belongs_to_its_call() -> None:
    """The calls of a graph that a task runs have that task's call as parent."""
    inner = task(lambda: current_call().parent.task.name, name="inner")
    graph = (
        Graph().add_node("a", lambda: None).add_node("b", lambda _: inner.__wrapped__()).add_edge("a", "b")
    )
    graph.start_with("a").end_with("b")
    with Session():
        assert task(graph, name="outer")() == "outer"


def test_many_nodes_need_no_recursion() -> None:
    """Skipping and cycle search walk as far as the graph is deep."""
    graph = Graph().add_node("0", lambda x: x)
    for number in range(1, 3000):
        condition = (lambda _: False) if number == 1 else None
        graph.add_node(str(number), add).add_edge(str(number - 1), str(number), condition)
    assert len(graph.start_with("0").end_with("2999").run(1).skipped) == 2999
