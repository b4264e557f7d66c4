"""What an item of a map costs on each engine, and how far more workers than this machine has would go.

    python docs/examples/engine_costs.py
    python docs/examples/engine_costs.py --share 0.01    # of the items only, to see that it runs

The first table is measured. The second is a simulation from its figures; `simulate` says what that assumes.
"""

from __future__ import annotations

import argparse
import asyncio
import heapq
import os
import platform
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from pegboard import Dask, Processes, Session, task

WORKERS = 2
BODIES = (0.0, 0.001, 0.010)
ITEMS = {0.0: 10_000, 0.001: 1_000, 0.010: 200}
ALONE = 200
ALONE_AT_WORK = ("a plain loop", "inline")


@task
def work(seconds: float) -> float:
    """Take so long, without a processor: there are more workers than those."""
    if seconds:
        time.sleep(seconds)
    return seconds


@task
async def awork(seconds: float) -> float:
    """Do the same in an event loop."""
    if seconds:
        await asyncio.sleep(seconds)
    return seconds


def in_a_loop(inputs: Sequence[float]) -> object:
    """Call the plain function, one after another."""
    return [work.__wrapped__(each) for each in inputs]


def mapped(inputs: Sequence[float]) -> object:
    """Map on the executor of the session, which has two workers."""
    return work.map(inputs)


def awaited(inputs: Sequence[float]) -> object:
    """Map in an event loop, two at a time."""
    return asyncio.run(awork.amap(inputs, concurrency=WORKERS))


def alone(inputs: Sequence[float]) -> object:
    """Send each for itself, as calls with a retry or another layer are sent."""
    return [future.result() for future in [work.submit(each) for each in inputs[:ALONE]]]


def per_item(run: Callable[[Sequence[float]], object], share: float, most: int = 10_000) -> list[float]:
    """Return seconds for an item of each size: the best of three maps, after one that warms everything up."""
    figures = []
    for body in BODIES:
        inputs = [body] * max(int(min(ITEMS[body], most) * share), WORKERS)
        run(inputs)
        times = []
        for _ in range(3):
            began = time.perf_counter()
            run(inputs)
            times.append((time.perf_counter() - began) / len(inputs))
        figures.append(min(times))
    return figures


def measure(share: float) -> dict[str, list[float]]:
    """Measure every engine."""
    figures = {"a plain loop": per_item(in_a_loop, share)}
    with Session(executor="inline", inherit=False):
        figures["inline"] = per_item(mapped, share)
    with ThreadPoolExecutor(WORKERS) as pool, Session(executor=pool, inherit=False):
        figures["threads"] = per_item(mapped, share)
    with Processes(WORKERS) as pool, Session(executor=pool, inherit=False):
        figures["processes"] = per_item(mapped, share)
        figures["processes, each alone"] = per_item(alone, share, ALONE)
    with Session(inherit=False):
        figures["asyncio"] = per_item(awaited, share)
    with Session(Dask(workers=WORKERS), executor="dask", inherit=False):
        figures["dask"] = per_item(mapped, share)
        figures["dask, each alone"] = per_item(alone, share, ALONE)
    return figures


def simulate(workers: int, body: float, each: float, chunk: float, items: int = 1) -> float:
    """Return which part of its workers' time a map uses, when everything that is not the body is done in one place.

    It assumes: home and scheduler handle one chunk after another, for `chunk` seconds and `each` seconds more for every item;
    a worker has two chunks at most, so that it never waits while the other is on its way; bodies take equally long; networks
    are as fast as loopback. Nothing is lost, and nobody else works there. Real clusters are worse.

    Args:
        workers: How many.
        body: Seconds of one item.
        each: Seconds at home for an item.
        chunk: Seconds at home for a chunk.
        items: How many items travel together.
    """
    chunks = 20 * workers
    home = 0.0
    free = [
        (0.0, 0.0, number) for number in range(workers)
    ]  # ends of a worker's last chunk but one, and of its last
    heapq.heapify(free)
    end = 0.0
    for _ in range(chunks):
        before, last, number = heapq.heappop(free)
        home = max(home, before) + chunk + items * each
        done = max(home, last) + items * body
        heapq.heappush(free, (last, done, number))
        end = max(end, done)
    return chunks * items * body / (workers * end)


def items_together(body: float) -> int:
    """Return how many items the core sends together: about 20 ms of work."""
    return max(1, min(int(0.02 / body), 4_096))


def print_measured(figures: dict[str, list[float]]) -> None:
    """Print microseconds for each item, and from which size of body two workers are faster than a loop."""
    print(
        f"us for each item, two workers, bodies that sleep; CPython {platform.python_version()}, {os.cpu_count()} processors"
    )
    print(f"{'':24}{'0 ms':>10}{'1 ms':>10}{'10 ms':>10}{'beats the loop from':>22}")
    for engine, (empty, short, long) in figures.items():
        # empty + body / 2 < body
        pays = "" if engine in ALONE_AT_WORK else f"{2 * empty * 1e6:.0f} us"
        print(f"{engine:24}{empty * 1e6:>10.1f}{short * 1e6:>10.0f}{long * 1e6:>10.0f}{pays:>22}")


def print_simulated(each: float, chunk: float) -> None:
    """Print which part of more workers' time would be work."""
    sizes = (2, 8, 32, 128, 512)
    print(
        f"\npart of the workers' time that is work, on dask; simulated with {each * 1e6:.0f} us an item, {chunk * 1e3:.1f} ms a chunk"
    )
    print(f"{'body, and how it travels':32}" + "".join(f"{size:>8}" for size in sizes))
    for body in (0.0001, 0.001, 0.01, 0.1, 1.0):
        for how, items in (("in chunks", items_together(body)), ("each alone", 1)):
            parts = [simulate(size, body, each, chunk, items) for size in sizes]
            name = f"{body * 1e3:g} ms, {how}"
            print(f"{name:32}" + "".join(f"{part:>8.0%}" for part in parts))


def main() -> None:
    """Measure, then simulate with what was measured."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument(
        "--share", type=float, default=1.0, help="how much of the items to run (default: all)"
    )
    figures = measure(options.parse_args().share)
    print_measured(figures)
    print_simulated(figures["dask"][0], figures["dask, each alone"][0])


if __name__ == "__main__":
    main()
