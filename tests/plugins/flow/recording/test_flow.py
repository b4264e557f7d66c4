"""`@flow`: plain calls become a graph."""

from __future__ import annotations

import asyncio
import json
import threading

import pytest

from pegboard import Session, task
from pegboard.testing import Recorder
from pegboard_flow import Graph, GraphError, GraphFailed, PlaceholderError, fan_out, flow

ran: list[str] = []


@task
def load(day: int) -> list[int]:
    ran.append("load")
    return [day, day + 1]


@task
async def aload(day: int) -> list[int]:
    await asyncio.sleep(0)
    return [day, day + 1]


@task
def stream(day: int):
    yield from (day, day + 1)


@task
async def astream(day: int):
    for number in (day, day + 1):
        yield number


@task
def double(x: int) -> int:
    return 2 * x


@task
async def adouble(x: int) -> int:
    return 2 * x


@task
def keep(*args: object, **kwargs: object) -> object:
    ran.append("keep")
    return args, kwargs


def result(value):
    """Await what is a coroutine."""
    return asyncio.run(value) if asyncio.iscoroutine(value) else value


@pytest.fixture(autouse=True)
def nothing_ran():
    """Forget what ran before."""
    ran.clear()


@pytest.mark.parametrize("make", [load, aload, stream, astream], ids=lambda made: made.kind)
@pytest.mark.parametrize("in_session", [True, False])
def test_all_four_kinds_are_called_plainly(make, in_session: bool) -> None:
    """A call in the body gives a placeholder, whatever the kind of the task."""

    @flow
    def both(day):
        return keep(make(day), make(day + 1))

    def check() -> None:
        assert result(both(1)) == (([1, 2], [2, 3]), {})

    if in_session:
        with Session():
            check()
    else:
        check()


def test_tasks_that_are_not_returned_run_all_the_same() -> None:
    """The value of the flow is what its body returns, and all tasks run."""

    @flow
    def careless():
        keep(load(1))
        return 5

    assert careless() == 5
    assert ran == ["load", "keep"]


def test_the_body_sees_its_arguments() -> None:
    """It may loop over them and decide by them, and is run anew for each call."""

    @flow
    def each(numbers, twice=False):
        return [double(n) if twice else keep(n) for n in numbers]

    assert each([1, 2], twice=True) == [2, 4]
    assert each([3]) == [((3,), {})]
    assert each([]) == []


def test_drawing_runs_nothing() -> None:
    """`describe`, `dot`, `mermaid` and `to_json` run no task; parameters not given are placeholders."""

    @flow
    def drawn(day, *rest, flag=False):
        first = load(day)
        keep(first)
        return keep(first, day, flag)

    about = drawn.describe()
    assert [n["name"] for n in about["nodes"]] == ["load", "keep", "keep_2"]
    assert [(e["source"], e["target"]) for e in about["edges"]] == [("load", "keep"), ("load", "keep_2")]
    assert (about["start"], about["end"]) == (["load"], ["keep_2"])
    assert json.loads(drawn.to_json(3)) == about
    assert '"load" -> "keep_2"' in drawn.dot()
    assert "n0 --> n2" in drawn.mermaid()
    assert ran == []


def test_a_graph_in_the_body_of_a_flow_is_a_node() -> None:
    """It is called like a task, an async one too, and one that was changed runs as it is then."""
    graph = Graph("g").add_node("a", double).add_node("b", lambda x: x + 1).add_edge("a", "b")
    graph.start_with("a").end_with("b")
    body = flow(lambda x: keep(graph(double(x))))
    assert body(1) == ((5,), {})
    graph.add_node("c", adouble).add_edge("b", "c").end_with("c")
    assert asyncio.run(body(1)) == (({"b": 5, "c": 10},), {})
    assert [each["name"] for each in body.describe(1)["nodes"]] == ["double", "g", "keep"]


def test_an_async_body_awaits_its_tasks() -> None:
    """An `async def` flow gives a coroutine, and awaiting a task gives its placeholder."""

    @flow
    async def body(day):
        items = await aload(day)
        return await adouble(3), fan_out(double, items)

    coroutine = body(1)
    assert asyncio.run(coroutine) == (6, [2, 4])
    assert asyncio.run(body.acall(1)) == (6, [2, 4])


def test_an_async_body_waits_for_nothing_else() -> None:
    """Nothing runs in the body, so what really suspends is refused, saying why."""

    @flow
    async def body():
        await asyncio.sleep(0)

    with pytest.raises(PlaceholderError, match="awaits something that is no task"):
        asyncio.run(body())


def test_calls_that_do_not_depend_on_each_other_overlap() -> None:
    """They run at the same time on the session's executor, at most `concurrency` of them."""
    barrier = threading.Barrier(2)
    meet = task(lambda x: barrier.wait(5) >= 0)

    @flow(concurrency=2)
    def side_by_side():
        return [meet(x) for x in range(4)]

    assert side_by_side() == [True] * 4


def test_a_flow_in_a_running_flow_is_a_run_of_its_own() -> None:
    """A task that calls a flow gets its value, in a group below its own call."""

    @flow(name="inner")
    def inner(x):
        return double(x)

    call_inner = task(lambda x: inner(x) + 1, name="call inner")

    @flow(name="outer")
    def outer(x):
        return call_inner(double(x))

    recorder = Recorder()
    with Session(recorder):
        assert outer(1) == 5
    group_of = {event.subject.name: event.subject for event in recorder.of("before_group")}
    assert group_of["outer"].parent is None
    assert group_of["inner"].parent.task.name == "call inner"


def test_a_flow_or_graph_in_the_body_of_a_flow_is_a_node() -> None:
    """It gets real values, so its body may look at them."""

    @flow
    def looks(items):
        return [double(item) for item in items if item > 1]

    @flow
    async def alooks(items):
        return [await adouble(item) for item in items]

    @flow
    def outer(day, which):
        return keep(which(load(day)))

    assert outer(1, looks) == (([4],), {})
    assert asyncio.run(outer(1, alooks)) == (([2, 4],), {})
    graph = Graph("g").add_node("f", looks).add_node("e", lambda x: x).add_edge("f", "e")
    assert graph.start_with("f").end_with("e")([1, 2]) == [4]


def test_failure_policies_are_those_of_a_graph() -> None:
    """The very error; an error in its place; or all of them at the end."""
    bad = task(lambda _: 1 // 0, name="bad")

    def body():
        return [bad(1), keep(bad(2)), double(4)]

    with pytest.raises(ZeroDivisionError) as caught:
        flow(body)()
    assert any("of graph" in note for note in caught.value.__notes__)
    first, second, third = flow(on_error="continue")(body)()
    assert (type(first), type(second), third) == (ZeroDivisionError, ZeroDivisionError, 8)
    with pytest.raises(GraphFailed):
        flow(on_error="aggregate")(body)()
    told = flow(on_error="continue")(body).run()
    assert (set(told.errors), told.cut_off) == ({"bad", "bad_2"}, ("keep",))


def test_one_flow_may_run_many_times_at_once() -> None:
    """Nothing of a run is shared with another, not in threads and not in tasks of one loop."""

    @flow
    def doubled(x):
        return double(double(x))

    @flow
    async def adoubled(x):
        return await adouble(await adouble(x))

    async def main() -> list[int]:
        return await asyncio.gather(*(adoubled(x) for x in range(20)))

    with Session():
        assert task(doubled, name="t").map(range(20)) == [4 * x for x in range(20)]
        assert asyncio.run(main()) == [4 * x for x in range(20)]


def test_what_is_no_plain_function_is_no_flow() -> None:
    """A task, a class and a generator function are refused at decoration, as is a wrong word."""

    def yields():
        yield 1

    for wrong in (load, dict, 3, yields):
        with pytest.raises(TypeError):
            flow(wrong)
    with pytest.raises(ValueError, match="on_error"):
        flow(on_error="explode")


def test_a_flow_with_async_tasks_says_that_run_must_be_awaited() -> None:
    """`run` is for sync code; `arun` is its twin."""

    @flow
    def body():
        return adouble(1)

    with pytest.raises(GraphError, match="arun"):
        body.run()
    assert asyncio.run(body.arun()).unwrap() == 2
