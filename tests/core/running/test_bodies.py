"""Sync bodies in async code, and submits in tasks: what the session's pool has to do with them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from pegboard import Session, Threads, current_call, task
from pegboard.running.open_group import open_group


class Crowd:
    """Counts how many are in it at once; the first two wait for each other."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._two = threading.Barrier(2)
        self._inside = self._came = 0
        self.most = 0

    def visit(self) -> None:
        with self._guard:
            self._inside += 1
            self._came += 1
            meets = self._came <= 2
            self.most = max(self.most, self._inside)
        if meets:
            self._two.wait(10)
        with self._guard:
            self._inside -= 1


async def by_acall(probe: Any) -> None:
    await asyncio.gather(*(probe.acall(number) for number in range(20)))


async def by_arun(probe: Any) -> None:
    await asyncio.gather(*(probe.arun(number) for number in range(20)))


async def by_amap(probe: Any) -> None:
    await probe.amap(range(20), concurrency=20)


async def by_aimap(probe: Any) -> None:
    async for _ in probe.aimap(range(20)):
        pass


async def by_group(probe: Any) -> None:
    async with open_group("graph", "g") as group:
        for number in range(20):
            group.start(probe, number)


WAYS = [by_acall, by_arun, by_amap, by_aimap, by_group]


@pytest.mark.parametrize("handed_in", [False, True], ids=["threads", "handed in"])
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_pool_bounds_sync_bodies_in_async_code(way: Callable[[Any], Any], handed_in: bool) -> None:
    """However they are called: no more at once than it has threads, and as many."""
    crowd = Crowd()

    @task
    def visit(number: int) -> None:
        crowd.visit()

    with ThreadPoolExecutor(2) as pool, Session(executor=pool if handed_in else Threads(2), inherit=False):
        asyncio.run(way(visit))
    assert crowd.most == 2


def test_a_sync_body_awaited_in_a_thread_of_the_pool_runs_beside_it() -> None:
    """Or it would wait for itself; to any depth."""

    @task
    async def outer(depth: int) -> int:
        return await inner.acall(depth)

    @task
    def inner(depth: int) -> int:
        return 0 if depth == 0 else 1 + asyncio.run(outer(depth - 1))

    with Session(executor=Threads(1), inherit=False):
        assert outer.submit(4).result(30) == 4
        assert asyncio.run(outer(4)) == 4


@pytest.mark.parametrize("executor", ["inline", "threads"])
def test_a_sync_body_in_async_code_keeps_its_context(executor: str) -> None:
    """The call around is its parent, and the loop goes on meanwhile."""

    @task
    def body() -> tuple[Any, bool]:
        call: Any = current_call()
        return call.parent.name, threading.current_thread() is threading.main_thread()

    @task
    async def around() -> tuple[Any, bool]:
        return await body.acall()

    with Session(executor=executor, inherit=False):
        name, blocks_the_loop = asyncio.run(around())
    assert "around" in name
    assert not blocks_the_loop


def test_a_cancelled_map_takes_back_the_bodies_that_have_not_begun() -> None:
    """And waits for those that have."""
    begun, release, ran = threading.Event(), threading.Event(), []

    @task
    def work(number: int) -> None:
        ran.append(number)
        begun.set()
        release.wait(10)

    async def main() -> None:
        mapping = asyncio.ensure_future(work.amap(range(50), concurrency=50))
        await asyncio.to_thread(begun.wait, 10)
        mapping.cancel()
        asyncio.get_running_loop().call_later(0.05, release.set)
        with pytest.raises(asyncio.CancelledError):
            await mapping

    with Session(executor=Threads(1), inherit=False):
        asyncio.run(main())
    assert ran == [0]


@pytest.mark.parametrize("handed_in", [False, True], ids=["threads", "handed in"])
def test_tasks_submit_and_wait_deeper_than_the_pool_is_wide(handed_in: bool) -> None:
    """Whoever waits runs what nobody has begun."""

    @task
    def count(depth: int) -> int:
        return 1 if depth == 0 else sum(f.result() for f in [count.submit(depth - 1) for _ in range(2)])

    with ThreadPoolExecutor(2) as pool, Session(executor=pool if handed_in else Threads(2), inherit=False):
        assert count(5) == 32
        assert count.submit(5).result(30) == 32


def test_coroutine_tasks_submit_and_wait_deeper_than_the_pool_is_wide() -> None:
    """Each has a loop of its own, and waits in a thread of the pool."""

    @task
    async def leaf() -> int:
        return 1

    @task
    def count(depth: int) -> int:
        if depth == 0:
            return leaf.submit().result()
        return sum(f.result() for f in [count.submit(depth - 1) for _ in range(2)])

    with Session(executor=Threads(2), inherit=False):
        assert count.submit(4).result(30) == 16


@pytest.mark.parametrize(
    ("way", "instead"),
    [
        (lambda probe: probe.run().unwrap(), "arun(...)"),
        (lambda probe: probe.map([]), "amap(...)"),
    ],
    ids=["run", "map"],
)
def test_what_cannot_wait_in_a_loop_says_what_to_await(way: Callable[[Any], Any], instead: str) -> None:
    """By the name of the task."""

    @task(name="fetch")
    async def fetch() -> None: ...

    async def main() -> None:
        way(fetch)

    with Session(inherit=False), pytest.raises(RuntimeError, match="await fetch") as caught:
        asyncio.run(main())
    assert f"await fetch.{instead}" in str(caught.value)
