"""What a node returns that has to be awaited: awaited where the whole is, refused elsewhere."""

from __future__ import annotations

import asyncio
import functools
import types

import pytest

from pegboard import MustBeAwaited, Retry, Session, task
from pegboard.testing import Recorder
from pegboard_flow import Graph, conditional, flow, parallel, sequential


@task
async def fetch(x: int = 1) -> int:
    await asyncio.sleep(0)
    return x + 1


class Later:
    """Something with an `__await__` of its own."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __await__(self):
        yield from asyncio.sleep(0).__await__()
        return self.value


@types.coroutine
def old_style(x: int):
    yield from asyncio.sleep(0).__await__()
    return x


def wrapped(function):
    @functools.wraps(function)
    def call(*args):
        return function(*args)

    return call


async def twice(x: int = 1):
    return fetch(x)


class Call:
    async def __call__(self, x: int = 1) -> int:
        return x + 1


HIDDEN = {  # functions of which nobody can tell beforehand
    "lambda": lambda x=1: fetch(x),
    "wrapped": wrapped(fetch.__wrapped__),
    "own awaitable": lambda x=1: Later(x + 1),
    "old style": lambda x=1: old_style(x + 1),
    "future": lambda x=1: _future(x + 1),
}
PLAIN = {
    "task": fetch,
    "acall": fetch.acall,
    "partial": functools.partial(fetch),
    "partial of acall": functools.partial(fetch.acall),
    "object": Call(),
    "coroutine that gives a coroutine": twice,
}


def _future(value: int):
    loop = asyncio.get_event_loop_policy().new_event_loop()
    future = loop.create_future()
    future.set_result(value)
    loop.close()
    return future


def graph(node, condition=None, **settings) -> Graph:
    made = Graph("g").add_node("a", lambda x: x).add_node("b", node, **settings)
    return made.add_edge("a", "b", condition).start_with("a").end_with("b")


def flowing(node, *, is_map: bool = False):
    made = node if hasattr(node, "applied_to") else task(name="node")(node)

    @flow
    def body():
        return made.map([1]) if is_map else made(1)

    return body


ASYNC_WAYS = {
    "graph": lambda node: graph(node).acall(1),
    "graph, arun": lambda node: _unwrapped(graph(node).arun(1)),
    "flow": lambda node: flowing(node).acall(),
    "sequential": lambda node: _first(sequential(node).aexecute()),
    "parallel": lambda node: _only(parallel(node).aexecute()),
    "conditional": lambda node: _last(conditional(lambda context: node()).aexecute()),
}
SYNC_WAYS = {
    "graph": lambda node: graph(node)(1),
    "graph, run": lambda node: graph(node).run(1).unwrap(),
    "map node": lambda node: graph(node, map=True)([1]),
    "two at once": lambda node: (
        Graph()
        .add_node("s", lambda x: x)
        .add_node("a", node)
        .add_node("b", node)
        .add_edge("s", "a")
        .add_edge("s", "b")
        .start_with("s")
        .end_with("a", "b")(1)
    ),
    "flow": lambda node: flowing(node)(),
    "map in a flow": lambda node: flowing(node, is_map=True)(),
    "sequential": lambda node: sequential(node).execute(),
    "conditional": lambda node: conditional(lambda context: node()).execute(),
}


async def _unwrapped(result):
    return (await result).unwrap()


async def _first(results):
    return (await results)[0]


async def _only(answers):
    (answer,) = (await answers).values()
    return answer


async def _last(context):
    return (await context)["last_result"]


@pytest.mark.parametrize("node", [*HIDDEN.values(), *PLAIN.values()], ids=[*HIDDEN, *PLAIN])
@pytest.mark.parametrize("way", ASYNC_WAYS.values(), ids=ASYNC_WAYS)
def test_what_a_node_returns_is_awaited_where_the_whole_is(way, node) -> None:
    """However it is written."""

    async def main() -> object:
        return await way(node)

    with Session():
        assert asyncio.run(main()) == 2


@pytest.mark.parametrize("node", [*HIDDEN.values(), *PLAIN.values()], ids=[*HIDDEN, *PLAIN])
def test_the_items_of_a_mapped_node_are_awaited(node) -> None:
    """Of a graph and of a flow."""
    with Session():
        assert asyncio.run(graph(node, map=True).acall([1, 2])) == [2, 3]
        assert asyncio.run(flowing(node, is_map=True).acall()) == [2]


@pytest.mark.parametrize("node", HIDDEN.values(), ids=HIDDEN)
@pytest.mark.parametrize("way", SYNC_WAYS.values(), ids=SYNC_WAYS)
def test_what_a_node_returns_is_refused_where_nothing_awaits(way, node) -> None:
    """And its coroutine closed, without a warning that it was never awaited."""
    with Session(), pytest.raises(MustBeAwaited, match="has to be awaited"):
        way(node)


def test_a_parallel_workflow_gives_the_refusal_as_the_answer() -> None:
    """As it does with any error."""
    (answer,) = parallel(lambda: fetch(1)).execute().values()
    assert isinstance(answer, MustBeAwaited)


def test_a_refusal_names_the_node() -> None:
    """Task and graph; and the result of a run has it, too."""
    result = graph(HIDDEN["lambda"]).run(1)
    assert isinstance(result.error, MustBeAwaited)
    assert result.error.task == "b"
    assert "graph 'g'" in str(result.error)
    assert list(result.errors) == ["b"]


def test_what_is_awaited_belongs_to_the_call() -> None:
    """It is retried with it, its calls are made in it, and the call is over only then."""
    runs = []

    @task(name="inner")
    async def inner() -> int:
        runs.append(1)
        if len(runs) < 3:
            raise OSError
        return 7

    recorder = Recorder()
    with Session(recorder):
        assert asyncio.run(graph(task(Retry(5), name="outer")(lambda x: inner())).acall(1)) == 7
    (outcome,) = [each.details["outcome"] for each in recorder.of("after_execute") if each.task == "outer"]
    parents = {each.subject.parent.name for each in recorder.of("before_execute") if each.task == "inner"}
    assert (outcome.status, outcome.attempts, outcome.value) == ("ok", 3, 7)
    assert parents == {"outer"}
    assert recorder.unbalanced() == []


def test_what_is_awaited_is_cancelled_with_the_graph() -> None:
    """Nothing of it goes on."""
    log = []

    async def endless() -> None:
        log.append("begun")
        try:
            await asyncio.sleep(300)
        finally:
            log.append("over")

    async def main() -> None:
        running = asyncio.ensure_future(graph(lambda x: endless()).acall(1))
        while not log:  # noqa: ASYNC110 - a thread counts
            await asyncio.sleep(0.002)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert log == ["begun", "over"]

    with Session():
        asyncio.run(main())


@pytest.mark.parametrize("condition", [HIDDEN["lambda"], twice, lambda value: Later(0), Call()])
def test_the_answer_of_a_condition_is_awaited_or_refused(condition) -> None:
    """Never taken for true as it is."""

    async def no(value: int) -> bool:
        return False

    with Session():
        assert asyncio.run(graph(lambda x: x, condition).acall(1)) in (1, None)
        assert asyncio.run(graph(lambda x: x, wrapped(no)).acall(1)) is None
        with pytest.raises((MustBeAwaited, ValueError, TypeError)):
            conditional().add_step(lambda context: 1, condition).execute({})


@pytest.mark.parametrize("is_async", [False, True], ids=["execute", "aexecute"])
def test_a_condition_of_a_workflow_is_never_taken_for_true(is_async) -> None:
    """Of a step and of a branch; a coroutine function is refused where it is written."""

    async def no(context) -> bool:
        return False

    def hidden(context):
        return no(context)

    for workflow in (
        conditional().add_step(lambda context: 1, hidden),
        conditional().add_branch(hidden, lambda context: 1),
    ):
        with pytest.raises(MustBeAwaited, match="has to be awaited"):
            asyncio.run(workflow.aexecute()) if is_async else workflow.execute()
    for condition in (no, functools.partial(no), Call()):
        with pytest.raises(TypeError, match="plain function"):
            conditional().add_step(lambda context: 1, condition)
