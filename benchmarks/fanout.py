"""What an item of a map costs, against the bare pool and the bare gather."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from benchmarks.calls import aplain
from benchmarks.measure import Row, plain, ready
from pegboard import Session, task

ITEMS = 10_000


@contextmanager
def pool_map() -> Iterator[Callable[[int], object]]:
    with ThreadPoolExecutor(6) as pool:
        yield lambda times: [list(pool.map(plain, range(ITEMS))) for _ in range(times)]


@contextmanager
def task_map() -> Iterator[Callable[[int], object]]:
    with ThreadPoolExecutor(6) as pool, Session(executor=pool, inherit=False):
        yield lambda times: [task(plain).map(range(ITEMS)) for _ in range(times)]


def gather(times: int) -> None:
    async def main() -> None:
        await asyncio.gather(*(aplain(i) for i in range(ITEMS)))

    for _ in range(times):
        asyncio.run(main())


@contextmanager
def task_amap() -> Iterator[Callable[[int], object]]:
    probe = task(aplain)

    async def main() -> None:
        await probe.amap(range(ITEMS))

    with Session(inherit=False):
        yield lambda times: [asyncio.run(main()) for _ in range(times)]


def rows() -> list[Row]:
    """Maps of ten thousand items."""
    more = {"times": 1, "each": ITEMS}
    return [
        Row("ThreadPoolExecutor.map, per item", pool_map, **more),
        Row("task.map on threads, per item", task_map, **more),
        Row("asyncio.gather, per item", lambda: ready(gather), **more),
        Row("task.amap, per item", task_amap, **more),
    ]
