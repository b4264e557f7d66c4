"""What a type checker sees of calls that belong together; checked by mypy --strict and pyright, never run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine, Iterator
from functools import partial
from typing import Any, assert_type

from pegboard import Call, Group, MapError, On, Session, apipeline, gather, parallel, pipeline, task
from pegboard.running.open_group import OpenGroup, open_group
from pegboard_flow import Flow, Graph, GraphResult, fan_out, flow, node


@task(On("processes"))
def size(text: str) -> int:
    return len(text)


@task
async def fetch(path: str) -> str:
    return path


@task
def words(text: str) -> Iterator[str]:
    yield from text.split()


@task
async def lines(path: str) -> AsyncIterator[str]:
    yield path


def streams() -> None:
    """`imap` hands over what the calls give in the end."""
    assert_type(size.imap(["a"], ordered=False, concurrency=2), Iterator[int])
    assert_type(fetch.imap(["a"], on_error="collect"), Iterator[str])
    assert_type(words.imap(["a"]), Iterator[list[str]])
    assert_type(lines.imap(["a"]), Iterator[list[str]])
    assert_type(size.aimap(["a"], strict=True), AsyncIterator[int])
    assert_type(fetch.aimap(["a"]), AsyncIterator[str])
    assert_type(lines.aimap(["a"]), AsyncIterator[list[str]])


async def composed() -> None:
    """`gather`, `parallel` and `pipeline` take calls of different tasks."""
    assert_type(await gather(fetch("/1"), size.acall("abc"), partial(size, "abc")), tuple[str, int, int])
    assert_type(await gather(fetch("/1"), concurrency=2), tuple[str])
    assert_type(await gather(fetch("/1"), words.acall("a b")), tuple[str, list[str]])
    assert_type(
        await gather(
            fetch("/1"), fetch("/2"), size.acall("a"), fetch("/4"), size.acall("b"), on_error="collect"
        ),
        tuple[str, str, int, str, int],
    )
    assert_type(await gather(*[fetch(url) for url in ("/1", "/2")]), list[str])
    at_once: list[Any] = parallel(partial(size, "abc"), lambda: 1, on_error="collect", concurrency=2)
    piped = pipeline(words, len, input="a b")
    try:
        print(at_once, piped, await apipeline(words, len, input="a b"))
    except MapError as error:
        assert_type(error.errors, dict[int, Exception])


def groups() -> None:
    """The calls of a group are those of its tasks, checked like these."""
    with Session(), open_group("graph", "g", size=2, task=size) as group:
        assert_type(group, OpenGroup)
        assert_type(group.group, Group)
        made = group.make(size, "abc")
        assert_type(made, Call)
        group.wait([group.submit(made), group.submit(fetch, "/1")])
        group.call(size, text="abc")


async def agroups() -> None:
    """And in an event loop."""
    async with open_group("graph", "g") as group:
        await group.start(group.make(fetch, "/1"))
        await group.acall(size, "abc")


@flow
def report(text: str, times: int = 1) -> tuple[int, list[int]]:
    first = node(size(text * times), name="first", priority=2)
    return first, size.map(words.map([text])[0])


@flow(concurrency=2, on_error="continue")
async def areport(text: str) -> list[int]:
    return fan_out(size, [await fetch(text)])


def flows() -> None:
    """A flow is called like its body, and gives what that returns."""
    assert_type(report("a", times=2), tuple[int, list[int]])
    waiting: Coroutine[Any, Any, list[int]] = areport("a")
    waiting.close()
    assert_type(report.run("a"), GraphResult)
    assert_type(report.name, str)
    kept: Flow[..., Any] = report
    print(kept.dot("a"))


async def aflows() -> None:
    """`acall` is to be awaited, whatever the body."""
    assert_type(await areport.acall("a"), list[int])
    assert_type(await report.acall("a", 2), tuple[int, list[int]])
    assert_type(await areport.arun("a"), GraphResult)


def graphs() -> None:
    """A graph is built in one expression, of tasks, functions, flows and graphs."""
    graph = Graph("g", on_error="aggregate", concurrency=2)
    inner = Graph().add_node("a", size).add_node("b", str).add_edge("a", "b")
    assert_type(graph.add_node("a", inner.start_with("a").end_with("b")), Graph)
    assert_type(graph.add_node("b", report, priority=1).add_edge("a", "b", condition=bool), Graph)
    assert_type(graph.run("abc"), GraphResult)
    assert_type(graph.mermaid(), str)
