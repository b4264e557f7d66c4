"""Graphs and flows together with other plugins."""

from __future__ import annotations

import asyncio

import pytest
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from pegboard import (
    Cache,
    Metrics,
    NeedsSecrets,
    Retry,
    Secrets,
    Session,
    Timeout,
    Traced,
    Tracing,
    hookimpl,
    task,
)
from pegboard.testing import Recorder
from pegboard_flow import Graph, flow

both = pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])


def flaky(is_async: bool):
    """Make a task that fails once for every input."""
    seen: set[int] = set()

    def body(x: int) -> int:
        if x not in seen:
            seen.add(x)
            raise ConnectionError("reset")
        return x + 1

    async def abody(x: int) -> int:
        await asyncio.sleep(0)
        return body(x)

    return task(Retry(1), Timeout(5), name=f"flaky in a {'loop' if is_async else 'thread'}")(
        abody if is_async else body
    )


def call(graph, *args: object) -> object:
    value = graph(*args)
    return asyncio.run(value) if asyncio.iscoroutine(value) else value


@both
def test_options_of_nodes_hold(is_async: bool) -> None:
    """A node is an ordinary call: retried, limited, counted, and observed in the graph's group."""
    step = flaky(is_async)
    graph = Graph("g").add_node("a", step).add_node("b", step).add_node("c", step).add_node("d", lambda *x: x)
    graph.add_edge("a", "b").add_edge("a", "c").add_edge("b", "d").add_edge("c", "d")
    graph.start_with("a").end_with("d")
    recorder, metrics = Recorder(), Metrics()
    with Session(recorder, metrics) as session:
        before = session[Metrics].stats(step).calls  # the registry is the process's
        assert call(graph, 1) == (3, 3)
        assert session[Metrics].stats(step).calls == before + 3
    assert {event.subject.group.name for event in recorder.of("on_retry")} == {"g"}
    assert not recorder.unbalanced()


@both
def test_options_hold_in_a_flow(is_async: bool) -> None:
    """Recording a flow asks no plugin; running it asks them all."""
    step = flaky(is_async)
    runs: list[int] = []
    cached = task(Cache(ttl=60), name="cached")(lambda x: runs.append(x) or x)

    @flow
    def report(x):
        return [step(cached(x)), step(cached(x + 10))]

    with Session():
        assert call(report, 1) == [2, 12]
        assert call(report, 1) == [2, 12]
    assert runs == [1, 11]


def test_what_a_layer_fills_in_need_not_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flow's body leaves out the parameters that a plugin provides."""
    monkeypatch.setenv("FLOW_TOKEN", "t0ken")

    @task(NeedsSecrets("FLOW_TOKEN"))
    def login(user: str, *, secrets) -> int:
        return len(secrets["FLOW_TOKEN"]) + len(user)

    with Session(Secrets()):
        assert flow(lambda: login("me"))() == 7


class Kept:
    """Keeps the spans that tracing makes."""

    name = "kept"

    def __init__(self) -> None:
        self._spans = InMemorySpanExporter()

    @hookimpl(optionalhook=True)
    def span_processors(self, session) -> list[SimpleSpanProcessor]:
        return [SimpleSpanProcessor(self._spans)]

    def spans(self) -> dict[str, object]:
        return {span.name: span for span in self._spans.get_finished_spans()}

    def links(self) -> dict[str, list[str]]:
        """Return the names of the spans that each one links to."""
        spans = self.spans()
        names = {(span.context.trace_id, span.context.span_id): name for name, span in spans.items()}
        assert {link.attributes["pegboard.link.type"] for span in spans.values() for link in span.links} <= {
            "depends_on"
        }
        return {
            name: [names[link.context.trace_id, link.context.span_id] for link in span.links]
            for name, span in spans.items()
        }


def diamond(is_async: bool, *options: object) -> dict[str, object]:
    """Make the tasks of a diamond, `d` waiting for `b` and `c`, both for `a`."""

    def body(*values: object) -> object:
        return values[0]

    async def abody(*values: object) -> object:
        return values[0]

    return {name: task(*options, name=name)(abody if is_async else body) for name in "abcd"}


@both
@pytest.mark.parametrize("executor", ["inline", "threads"])
def test_spans_link_to_what_they_waited_for(is_async: bool, executor: str) -> None:
    """Nodes are children of the graph's span, and link to the nodes that they waited for as `depends_on`."""
    tasks, kept = diamond(is_async), Kept()
    graph = Graph("g")
    for name, each in tasks.items():
        graph.add_node(name, each)
    graph.add_edge("a", "b").add_edge("a", "c").add_edge("b", "d").add_edge("c", "d")
    graph.start_with("a").end_with("d")
    with Session(Tracing(), kept, executor=executor, strict=True):
        assert call(graph, 1) == 1
    assert kept.links() == {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"], "graph g": []}
    whole = kept.spans()["graph g"].context
    parents = {span.parent.span_id for name, span in kept.spans().items() if name in tasks}
    assert parents == {whole.span_id}


@both
def test_spans_of_a_flow_link_to_what_they_waited_for(is_async: bool) -> None:
    """Where the placeholder came from, a map over one included."""
    tasks, kept = diamond(is_async), Kept()
    pair, each = task(lambda x: [x, x], name="pair"), task(lambda x: x, name="each")

    @flow
    def whole():
        first = tasks["a"](1)
        return tasks["d"]([tasks["b"](first), tasks["c"](first)]), each.map(pair(first))

    with Session(Tracing(), kept, strict=True):
        call(whole)
    links = kept.links()
    assert (links["d"], links["c"], links["pair"]) == (["b", "c"], ["a"], ["a"])
    assert links["map each"] == ["pair"]


def test_an_edge_that_is_not_taken_is_no_link() -> None:
    """Nor is a node that failed, under `continue`."""
    tasks, kept = diamond(is_async=False), Kept()
    graph = Graph("g", on_error="continue").add_node("bad", lambda _: 1 // 0)
    for name, each in tasks.items():
        graph.add_node(name, each)
    graph.add_edge("a", "b").add_edge("a", "c").add_edge("a", "bad")
    graph.add_edge("b", "d", condition=lambda _: False).add_edge("c", "d")
    graph.start_with("a").end_with("d")
    with Session(Tracing(), kept, strict=True):
        assert graph(1) == 1
    assert (kept.links()["d"], kept.links()["bad"]) == (["c"], ["a"])


def test_a_node_that_a_cache_serves_without_a_span_hides_no_others() -> None:
    """The first node to end may have no span in a run that is traced: with `Traced(hits=False)`, from a cache."""
    tasks, kept = diamond(is_async=False), Kept()
    cached = task(Cache(ttl=60), Traced(hits=False), name="cached")(lambda x: x)

    @flow
    def whole():
        return tasks["c"](tasks["b"](cached(1)))

    with Session(Tracing(), kept, strict=True):
        cached(1)
        whole()
    assert kept.links()["c"] == ["b"]
    assert kept.spans()["b"].attributes["pegboard.links.count"] == 1
