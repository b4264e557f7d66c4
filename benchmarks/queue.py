"""What an item of a queue costs, against the bare pool, and against threads that read a `queue.PriorityQueue`.

Reached as `benchmarks.queue` alone, so that the standard library's `queue` stays what others import.
"""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Future, ThreadPoolExecutor

from benchmarks.calls import aplain
from benchmarks.measure import Row, plain, ready
from pegboard import Session, task
from pegboard_queue import TaskManager

ITEMS = 10_000
WORKERS = 4


def pool_submit(times: int) -> None:
    for _ in range(times):
        with ThreadPoolExecutor(WORKERS) as pool:
            futures = [pool.submit(plain, i) for i in range(ITEMS)]
            assert sum(future.result() for future in futures) == ITEMS * (ITEMS - 1) // 2


def priority_threads(times: int) -> None:
    for _ in range(times):
        line: queue.PriorityQueue[tuple[int, int, Future[int] | None]] = queue.PriorityQueue()
        threads = [threading.Thread(target=_serve, args=(line,)) for _ in range(WORKERS)]
        for thread in threads:
            thread.start()
        futures: list[Future[int]] = [Future() for _ in range(ITEMS)]
        for i, future in enumerate(futures):
            line.put((i % 10, i, future))
        assert sum(future.result() for future in futures) == ITEMS * (ITEMS - 1) // 2
        for i in range(WORKERS):
            line.put((99, i, None))
        for thread in threads:
            thread.join()


def _serve(line: queue.PriorityQueue[tuple[int, int, Future[int] | None]]) -> None:
    while (entry := line.get())[2] is not None:
        entry[2].set_result(plain(entry[1]))


def managed(times: int) -> None:
    probe = task(plain)
    for _ in range(times):
        with Session(inherit=False), TaskManager(WORKERS) as manager:
            items = [manager.submit(probe, (i,), priority=i % 10) for i in range(ITEMS)]
            assert sum(item.wait() for item in items) == ITEMS * (ITEMS - 1) // 2


def chained(times: int) -> None:
    probe = task(plain)
    for _ in range(times):
        with Session(inherit=False), TaskManager(WORKERS) as manager:
            last = manager.submit(probe, (0,))
            for i in range(1, ITEMS):
                last = manager.submit(probe, (i,), depends_on=last)
            assert last.wait() == ITEMS - 1


def managed_async(times: int) -> None:
    probe = task(aplain)
    for _ in range(times):
        with Session(inherit=False), TaskManager(WORKERS) as manager:
            items = [manager.submit(probe, (i,)) for i in range(ITEMS)]
            assert sum(item.wait() for item in items) == ITEMS * (ITEMS - 1) // 2


def rows() -> list[Row]:
    """Ten thousand items, handed in one by one and waited for, on four workers."""
    more = {"times": 1, "each": ITEMS}
    return [
        Row("ThreadPoolExecutor.submit, per item", lambda: ready(pool_submit), **more),
        Row("PriorityQueue and threads, per item", lambda: ready(priority_threads), **more),
        Row("TaskManager.submit, per item", lambda: ready(managed), **more),
        Row("TaskManager.submit, each after the last", lambda: ready(chained), **more),
        Row("TaskManager.submit of coroutines, per item", lambda: ready(managed_async), **more),
    ]
