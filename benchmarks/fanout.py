"""What an item of a map costs, against the bare pool and the bare gather."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager

from prometheus_client import CollectorRegistry

from benchmarks.calls import aplain
from benchmarks.measure import Row, plain, ready
from pegboard import Metrics, Processes, Session, task

ITEMS = 10_000
WORKERS = 2


@contextmanager
def pool_map() -> Iterator[Callable[[int], object]]:
    with ThreadPoolExecutor(6) as pool:
        yield lambda times: [list(pool.map(plain, range(ITEMS))) for _ in range(times)]


@contextmanager
def task_map() -> Iterator[Callable[[int], object]]:
    with ThreadPoolExecutor(6) as pool, Session(executor=pool, inherit=False):
        yield lambda times: [task(plain).map(range(ITEMS)) for _ in range(times)]


@contextmanager
def process_pool_map() -> Iterator[Callable[[int], object]]:
    """In eight chunks, which is the best for items this small; the pool is warm."""
    with ProcessPoolExecutor(WORKERS) as pool:
        list(pool.map(plain, range(WORKERS), chunksize=1))
        yield lambda times: [
            list(pool.map(plain, range(ITEMS), chunksize=ITEMS // (4 * WORKERS))) for _ in range(times)
        ]


@contextmanager
def joblib_map() -> Iterator[Callable[[int], object]]:
    """With joblib's own choice of batches."""
    from joblib import Parallel, delayed

    with Parallel(n_jobs=WORKERS) as pool:
        pool(delayed(plain)(i) for i in range(WORKERS))
        yield lambda times: [pool(delayed(plain)(i) for i in range(ITEMS)) for _ in range(times)]


@contextmanager
def process_task_map() -> Iterator[Callable[[int], object]]:
    probe = task(plain)
    with Processes(WORKERS) as pool, Session(executor=pool, inherit=False):
        probe.map(range(WORKERS))
        yield lambda times: [probe.map(range(ITEMS)) for _ in range(times)]


@contextmanager
def metered_process_task_map() -> Iterator[Callable[[int], object]]:
    probe = task(plain)
    with Processes(WORKERS) as pool, Session(Metrics(CollectorRegistry()), executor=pool, inherit=False):
        probe.map(range(WORKERS))
        yield lambda times: [probe.map(range(ITEMS)) for _ in range(times)]


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
        Row("ProcessPoolExecutor.map in chunks, per item", process_pool_map, **more),
        Row("joblib.Parallel, per item", joblib_map, **more),
        Row("task.map on processes, per item", process_task_map, **more),
        Row("task.map on processes, metered, per item", metered_process_task_map, **more),
        Row("asyncio.gather, per item", lambda: ready(gather), **more),
        Row("task.amap, per item", task_amap, **more),
    ]
