"""Where tasks run, and that their spans stay in one trace there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from pegboard import Session, Task, Tracing, current_call, task


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """Trace the test."""
    spans = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(spans))
    with Session(Tracing(provider), inherit=False, strict=True):
        yield spans


@task
def leaf() -> str | None:
    call = current_call()
    return None if call is None else call.trace_id


@task
def nested() -> str | None:
    return leaf()


@task
async def anested() -> str | None:
    await asyncio.sleep(0)
    return leaf()


@task
def in_a_pool() -> None:
    with ThreadPoolExecutor(1) as pool:
        pool.submit(copy_context().run, nested).result()


@task
def submitted() -> None:
    nested.submit().result()


@task
async def in_an_executor() -> None:
    await asyncio.get_running_loop().run_in_executor(None, copy_context().run, nested)


@task
async def to_thread() -> None:
    await asyncio.to_thread(nested)


@task
async def in_a_group() -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(anested())


@task
async def called_from_a_coroutine() -> None:
    await nested.acall()


WAYS = [in_a_pool, submitted, in_an_executor, to_thread, in_a_group, called_from_a_coroutine]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_nested_calls_are_one_trace_wherever_they_run(
    spans: InMemorySpanExporter, way: Task[[], object]
) -> None:
    """Caller, nested and leaf are a chain of parents within one trace."""
    assert way.run().error is None
    found = {span.name: span for span in spans.get_finished_spans()}
    middle = found.get("nested") or found["anested"]
    chain = [found["leaf"], middle, found[way.name]]
    assert len({span.context.trace_id for span in chain if span.context}) == 1
    parents = [span.parent.span_id if span.parent else None for span in chain]
    assert parents == [*(span.context.span_id for span in chain[1:] if span.context), None]


def test_items_of_a_map_are_one_trace(spans: InMemorySpanExporter) -> None:
    """In the threads of a map every leaf is below its item, and every item below the map."""

    @task
    def item(_: int) -> str | None:
        return nested()

    assert len(set(item.map(range(20)))) == 1
    by_id = {span.context.span_id: span for span in spans.get_finished_spans() if span.context}
    leaves = [span for span in by_id.values() if span.name == "leaf"]
    assert len(leaves) == 20
    for leaf_span in leaves:
        names, above = [], leaf_span.parent
        while above is not None:
            names.append(by_id[above.span_id].name)
            above = by_id[above.span_id].parent
        assert names == ["nested", item.name, f"map {item.name}"]
