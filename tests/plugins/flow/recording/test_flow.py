"""`@flow`: plain calls become a graph."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
import weakref
from typing import NamedTuple

import pytest

from pegboard import Session, task
from pegboard import parallel as peg_parallel
from pegboard.testing import Recorder
from pegboard_flow import Graph, GraphError, GraphFailed, PlaceholderError, fan_out, flow, node

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


class Point(NamedTuple):
    x: int
    y: int


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


def test_placeholders_are_found_in_containers() -> None:
    """In lists, dicts, tuples and sets, also nested, in arguments, keywords and what is returned."""

    @flow
    def nested(x):
        one, two = double(x), double(x + 1)
        kept = keep([one, (two, "text")], {"k": {one, 7}}, last=frozenset({two}))
        return {"kept": kept, one: [two]}

    value = nested(1)
    assert value == {"kept": (([2, (4, "text")], {"k": {2, 7}}), {"last": frozenset({4})}), 2: [4]}


def test_a_named_tuple_stays_one() -> None:
    """A tuple with named fields is rebuilt as what it was."""

    @flow
    def place():
        return keep(Point(double(1), 5))

    ((value,), _) = place()
    assert (type(value), value.x) == (Point, 2)


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


@pytest.mark.parametrize("make", [load, aload, stream])
@pytest.mark.parametrize("each", [double, adouble])
def test_fan_out_maps_over_what_a_task_gives(make, each) -> None:
    """The items are known only when the flow runs."""

    @flow
    def fan(day):
        items = make(day)
        return fan_out(each, fan_out(each, items)), fan_out(each, [])

    assert result(fan(1)) == ([4, 8], [])


def test_fan_out_takes_several_sources_and_settings() -> None:
    """Sources are zipped, placeholders and others; errors may be collected; the map is a group of its own."""
    recorder = Recorder()
    divide = task(lambda x, y: x // y, name="divide")

    @flow
    def fan():
        return fan_out(divide, load(4), [2, 0], on_error="collect", concurrency=1)

    with Session(recorder):
        first, second = fan()
    assert (first, type(second)) == (2, ZeroDivisionError)
    assert [event.subject.kind for event in recorder.of("before_group")] == ["graph", "map"]
    assert not recorder.unbalanced()


class Scale:
    def __init__(self, factor: int) -> None:
        self.factor = factor

    @task
    def times(self, x: int) -> int:
        return self.factor * x


@pytest.mark.parametrize("make", [load, aload, stream])
@pytest.mark.parametrize("each", [double, adouble, Scale(2).times], ids=["sync", "async", "bound"])
def test_a_map_over_a_placeholder_is_a_fan_out(make, each) -> None:
    """`task.map` in a body is a node, whose items are known only when the flow runs; nested and empty ones, too."""

    @flow
    def fan(day):
        return each.map(each.map(make(day))), each.amap([]), [each.map([day, x]) for x in (5, 6)]

    assert result(fan(1)) == ([4, 8], [], [[2, 10], [2, 12]])
    names = [each["name"] for each in fan.describe()["nodes"]]
    assert names[1:] == [f"map {each.name}", *(f"map {each.name}_{n}" for n in range(2, 6))]


def test_a_map_in_a_body_takes_sources_and_settings() -> None:
    """They are those of the map that runs, which is a group of its own."""
    recorder = Recorder()
    divide = task(lambda x, y: x // y, name="divide")

    @flow
    def fan():
        return divide.map(load(4), [2, 0], on_error="collect", concurrency=1), divide.map(
            load(4), [1], strict=True
        )

    with Session(recorder):
        told = flow(on_error="continue")(fan.__wrapped__).run()
    first, second = told.values["map divide"]
    assert (first, type(second)) == (2, ZeroDivisionError)
    assert type(told.errors["map divide_2"]) is ValueError
    assert {event.subject.kind for event in recorder.of("before_group")} == {"graph", "map"}


def test_acall_in_a_body_is_a_call() -> None:
    """`acall` and `amap` give placeholders, of methods as well, and may be awaited."""
    scale = Scale(3)

    @flow
    async def body(day):
        items = await load.acall(day)
        return await scale.times.acall(x=2), await double.amap(items)

    assert asyncio.run(body(1)) == (6, [2, 4])


def test_a_map_of_a_method_does_not_keep_its_object() -> None:
    """Whatever is kept from one run to the next, an object that a task is bound to is not."""
    scale = Scale(3)
    gone = weakref.ref(scale)

    def body(each):
        return each.times.map([1, 2])

    with Session(executor="inline"):
        assert flow(body)(scale) == [3, 6]
    del scale
    gc.collect()
    assert gone() is None


def test_a_graph_in_the_body_of_a_flow_is_a_node() -> None:
    """It is called like a task, an async one too, and one that was changed runs as it is then."""
    graph = Graph("g").add_node("a", double).add_node("b", lambda x: x + 1).add_edge("a", "b")
    graph.start_with("a").end_with("b")
    body = flow(lambda x: keep(graph(double(x))))
    assert body(1) == ((5,), {})
    graph.add_node("c", adouble).add_edge("b", "c").end_with("c")
    assert asyncio.run(body(1)) == (({"b": 5, "c": 10},), {})
    assert [each["name"] for each in body.describe(1)["nodes"]] == ["double", "g", "keep"]


def test_fan_out_outside_of_a_flow_is_a_map() -> None:
    """A function that a flow calls may be called by itself."""
    assert fan_out(double, [1, 2]) == [2, 4]


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


def test_a_node_may_have_a_name_and_a_priority() -> None:
    """`node(...)` names it, and lets it go first among the ready ones."""
    order: list[int] = []
    note = task(lambda x: order.append(x) or x, name="note")

    @flow
    def ordered():
        return [node(note(x), name=f"n{x}", priority=x) for x in (2, 10, 1)], note(0)

    with Session(executor="inline"):
        assert ordered() == ([2, 10, 1], 0)
    assert order == [10, 2, 1, 0]
    assert [n["name"] for n in ordered.describe()["nodes"]] == ["n2", "n10", "n1", "note_4"]


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


def test_tasks_are_ordinary_after_a_flow_was_recorded() -> None:
    """Recording leaves nothing behind on the tasks that it saw."""

    @flow
    def seen():
        return double(1)

    with Session():
        assert (double(4), seen(), double(4)) == (8, 2, 8)
    assert (double(4), seen(), double(4)) == (8, 2, 8)


@pytest.mark.parametrize(
    ("body", "error", "says"),
    [
        (lambda: load(1, 2), TypeError, r"load\(\) too many"),
        (lambda: load(date=1), TypeError, "unexpected keyword"),
        (lambda: load.submit(1), PlaceholderError, "more with task 'load' than to call it"),
        (lambda: load.run(1), PlaceholderError, r"task\.map"),
        (lambda: load.arun(1), PlaceholderError, "more with task 'load' than to call it"),
        (lambda: load.imap([1]), PlaceholderError, r"task\.map"),
        (lambda: load.aimap([1]), PlaceholderError, r"task\.map"),
        (lambda: peg_parallel(load), PlaceholderError, "run at the same time"),
        (lambda: load.map(on_error="collect"), TypeError, "at least one source"),
        (lambda: load.map([1], on_error="ignore"), ValueError, "on_error"),
        (lambda: load.amap([1], concurrency=True), ValueError, "concurrency"),
        (lambda: fan_out(double), TypeError, "at least one source"),
        (lambda: fan_out(double, [1], on_error="ignore"), ValueError, "on_error"),
        (lambda: fan_out(double, [1], concurrency=0), ValueError, "concurrency"),
        (lambda: node(5), GraphError, "sets up a task"),
        (lambda: [load(1), node(keep(2), name="load")], GraphError, "has a node 'load' already"),
        (lambda: node([load(1), load(2)][0], name="x"), GraphError, None),
    ],
)
def test_what_a_body_cannot_do_is_refused(body, error: type[Exception], says: str | None) -> None:
    """Where it is written, before any task has run, and in a drawing, too."""
    for record in (flow(body), flow(body).describe):
        with pytest.raises(error, match=says):
            record()
    assert ran == []


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
