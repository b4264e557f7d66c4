"""Every executor with every way a call can end: spans, events and metrics are the same, but for where the function ran."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from prometheus_client import CollectorRegistry

from pegboard import Dask, Metrics, On, Retry, Session, Task, TaskTimeout, Timeout, Tracing, task
from pegboard.testing import Recorder

EXECUTORS = ["inline", "threads", "processes", "dask"]


@attrs.frozen
class Board:
    """An open session, and what leaves it."""

    executor: str
    session: Session
    recorder: Recorder
    spans: InMemorySpanExporter
    registry: CollectorRegistry

    def placed(self, option: Any = None) -> Callable[[Callable[..., Any]], Task[..., Any]]:
        """Make a task that runs on this board's executor, without cloudpickle's help where it has a name."""
        options = [] if option is None else [option]
        return task(On(self.executor), *options)

    def span(self, name: str) -> ReadableSpan:
        (span,) = [each for each in self.spans.get_finished_spans() if each.name == name]
        return span

    def counted(self, name: str) -> dict[tuple[str, str, str], float]:
        """Durations by status, source and error type."""
        return {
            (
                sample.labels["pegboard_call_status"],
                sample.labels["pegboard_call_source"],
                sample.labels["error_type"],
            ): sample.value
            for metric in self.registry.collect()
            for sample in metric.samples
            if sample.name == "pegboard_task_duration_seconds_count"
            and sample.labels["pegboard_task_name"] == name
            and sample.value
        }

    def log(self, name: str) -> list[str]:
        """What the recorder was told, without waits, which only some executors have."""
        return [line for line in self.recorder.log(name) if not line.startswith("on_wait")]


@pytest.fixture(scope="module")
def dask() -> Iterator[Dask]:
    """The plugin on a cluster of this machine, that all tests use."""
    from distributed import Client, LocalCluster

    loopback = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, scheduler_kwargs={"dashboard": False}, **loopback
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield Dask(client=client)


@pytest.fixture(params=EXECUTORS)
def board(request: pytest.FixtureRequest) -> Iterator[Board]:
    plugins = [request.getfixturevalue("dask")] if request.param == "dask" else []
    spans, registry, recorder = InMemorySpanExporter(), CollectorRegistry(), Recorder()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(spans))
    with Session(Tracing(provider), Metrics(registry), recorder, *plugins, inherit=False) as session:
        yield Board(request.param, session, recorder, spans, registry)
        assert recorder.unbalanced() == []


def test_a_value(board: Board) -> None:
    """ok: one attempt, an unset status, one duration, the executor's name on the span."""

    @board.placed()
    def work(x: int) -> int:
        return x + 1

    assert work.submit(1).result() == 2
    assert board.log("work") == [
        "before_execute",
        "before_attempt 1",
        "after_attempt 1",
        "after_execute ok/run 1",
    ]
    span = board.span("work")
    assert span.status.status_code is StatusCode.UNSET
    assert (span.attributes or {}).get("pegboard.executor.name", "inline") == board.executor
    assert board.counted("work") == {("ok", "run", ""): 1}


def test_an_error(board: Board) -> None:
    """error: the task's own exception leaves, with one event on the span, and its type as label."""

    @board.placed()
    def work() -> None:
        raise KeyError("key")

    with pytest.raises(KeyError, match="key") as caught:
        work.submit().result()
    assert any("in task 'work'" in note for note in caught.value.__notes__)
    assert board.log("work") == [
        "before_execute",
        "before_attempt 1",
        "after_attempt 1 KeyError",
        "on_error KeyError",
        "after_execute error/run 1",
    ]
    span = board.span("work")
    assert span.status.status_code is StatusCode.ERROR
    assert (span.attributes or {})["error.type"] == "KeyError"
    assert [event.name for event in span.events] == ["exception"]
    assert board.counted("work") == {("error", "run", "KeyError"): 1}


def test_retries(board: Board, tmp_path: Path) -> None:
    """retry: fail, fail, ok is one call of three attempts wherever they run."""
    tries = tmp_path / "tries"

    @board.placed(Retry(2))
    def work() -> int:
        with tries.open("a") as file:
            file.write("x")
        if tries.stat().st_size < 3:
            raise OSError("not yet")
        return tries.stat().st_size

    assert work.submit().result() == 3
    assert board.log("work") == [
        "before_execute",
        "before_attempt 1",
        "after_attempt 1 OSError",
        "on_retry 1 OSError 0.0",
        "before_attempt 2",
        "after_attempt 2 OSError",
        "on_retry 2 OSError 0.0",
        "before_attempt 3",
        "after_attempt 3",
        "after_execute ok/run 3",
    ]
    assert board.counted("work") == {("ok", "run", ""): 1}
    attempts = {each.name: each for each in board.spans.get_finished_spans() if "attempt" in each.name}
    assert sorted(attempts) == ["attempt 1", "attempt 2", "attempt 3"]
    assert [attempts[f"attempt {n}"].status.status_code for n in (1, 2, 3)] == [
        StatusCode.ERROR,
        StatusCode.ERROR,
        StatusCode.UNSET,
    ]
    assert len(attempts["attempt 3"].links) == 1


def test_a_timeout(board: Board) -> None:
    """timeout: raised in time, told as an error of its own type."""

    @board.placed(Timeout(0.2))
    def work() -> None:
        time.sleep(3)

    began = time.perf_counter()
    with pytest.raises(TaskTimeout):
        work.submit().result()
    assert time.perf_counter() - began < 1.5
    assert board.log("work") == [
        "before_execute",
        "before_attempt 1",
        "after_attempt 1 TaskTimeout",
        "on_error TaskTimeout",
        "after_execute error/run 1",
    ]
    (labels,) = board.counted("work")
    assert labels == ("error", "run", "pegboard.errors.TaskTimeout")
    assert (board.span("work").attributes or {})["error.type"] == labels[2]


def test_a_cancellation(board: Board, tmp_path: Path) -> None:
    """cancel: an async call that is cancelled ends once, as cancelled, and its span has no error."""
    if board.executor == "threads":
        pytest.skip("a coroutine does not run on threads, and On refuses it there")
    began = tmp_path / "began"

    async def body() -> None:
        began.touch()
        await asyncio.sleep(3)

    options = [] if board.executor == "inline" else [On(board.executor)]
    work = task(*options, name="work")(body)

    async def main() -> None:
        running = asyncio.ensure_future(work())
        while not began.exists():  # noqa: ASYNC110 - it may be in another process
            await asyncio.sleep(0.01)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(main())
    assert board.log("work") == [
        "before_execute",
        "before_attempt 1",
        "after_attempt 1 CancelledError",
        "after_execute cancelled/run 1",
    ]
    assert board.span("work").status.status_code is StatusCode.UNSET
    assert board.counted("work") == {("cancelled", "run", ""): 1}


def test_nested_calls(board: Board) -> None:
    """nested: what a task calls is counted once, with its own labels, wherever that ran."""

    @task
    def good(x: int) -> int:
        return x

    @task
    def bad() -> None:
        raise ValueError

    @board.placed()
    def work(x: int) -> int:
        bad.run()
        return good(x) + good(x)

    assert work.submit(2).result() == 4
    assert board.counted("work") == {("ok", "run", ""): 1}
    assert board.counted("good") == {("ok", "run", ""): 2}
    assert board.counted("bad") == {("error", "run", "ValueError"): 1}
    assert board.session[Metrics].stats(good).calls == 2


def test_a_map(board: Board) -> None:
    """A map of mixed outcomes: results in order, every item told of once, one span each below the map's."""

    @board.placed()
    def work(x: int) -> int:
        if x % 5 == 3:
            raise ValueError("three")
        return x * 2

    results = work.map(range(10), on_error="collect")
    assert [x if isinstance(x, int) else type(x) for x in results] == [
        0,
        2,
        4,
        ValueError,
        8,
        10,
        12,
        14,
        ValueError,
        18,
    ]
    assert board.counted("work") == {("ok", "run", ""): 8, ("error", "run", "ValueError"): 2}
    whole = board.span("map work")
    items = [each for each in board.spans.get_finished_spans() if each.name == "work"]
    assert {item.parent.span_id for item in items if item.parent} == {whole.context.span_id}
    assert len(items) == 10
    assert {event.subject.map_index for event in board.recorder.of("before_execute")} == set(range(10))
