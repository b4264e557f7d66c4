"""Graphs: what they give, in which order, and what a branch, a condition and a failure mean."""

from __future__ import annotations

import asyncio
import gc
import os
import threading

import pytest

from pegboard import On, Session, current_call, task
from pegboard.testing import Recorder
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


def test_graphs_within_graphs_end_in_a_full_pool() -> None:
    """A graph whose nodes are graphs does not deadlock, and hands its value on."""
    outer = Graph("outer").add_node("s", lambda x: x).add_node("e", lambda *x: len(x))
    outer.start_with("s").end_with("e")
    for number in range(40):
        outer.add_node(f"g{number}", diamond()).add_edge("s", f"g{number}").add_edge(f"g{number}", "e")
    assert outer(1) == 40


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
