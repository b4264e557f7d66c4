"""Streams whose body runs in another process: their value is a list, as it is on every executor."""

from __future__ import annotations

import asyncio

import pytest
import remote_tasks as tasks

from pegboard import Session, hookimpl
from pegboard.testing import Recorder

BODIES = pytest.mark.parametrize("body", [tasks.counts, tasks.counts_async], ids=["generator", "async"])
EXECUTORS = pytest.mark.parametrize("executor", ["inline", "threads", "processes"])


def executor_of(name, warm):
    """Return the warm pool for processes."""
    return warm if name == "processes" else name


@BODIES
@EXECUTORS
def test_from_sync_code(body, executor, warm):
    """By submit, map and imap."""
    recorder = Recorder()
    with Session(recorder, executor=executor_of(executor, warm)):
        assert body.submit(3).result() == [0, 1, 2]
        assert body.map([1, 2]) == [[0], [0, 1]]
        assert list(body.imap([1, 0])) == [[0], []]
    assert recorder.unbalanced() == []


@BODIES
@EXECUTORS
def test_from_async_code(body, executor, warm):
    """By amap and aimap."""

    async def main():
        return await body.amap([2, 1]), [each async for each in body.aimap([1, 2])]

    with Session(executor=executor_of(executor, warm)):
        assert asyncio.run(main()) == ([[0, 1], [0]], [[0], [0, 1]])


@BODIES
def test_items_are_told_at_home(body, warm):
    """`on_iteration` is told of each, with the call at home."""

    class Items:
        name = "items"

        def __init__(self):
            self.told = []

        @hookimpl
        def on_iteration(self, call, index, item):
            self.told.append((call.map_index, index, item))

    items = Items()
    with Session(items, executor=warm):
        body.map([2, 1])
    assert sorted(items.told) == [(0, 0, 0), (0, 1, 1), (1, 0, 0)]


def test_an_error_is_of_its_item(warm):
    """Of a stream that fails on the way, the error leaves, and the others give their lists."""
    with Session(executor=warm):
        found = tasks.counts_to_failure.map([1, 2], on_error="collect")
        assert [type(each) for each in found] == [KeyError, KeyError]
        with pytest.raises(KeyError):
            tasks.counts_to_failure.submit(1).result()


def test_called_directly_it_streams_here(warm):
    """A stream that is called steps where its consumer is."""
    with Session(executor=warm):
        assert next(tasks.counts(3)) == 0
