"""What an item of a map costs on a Dask cluster, against the bare client; both on the same two workers."""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable

from benchmarks.measure import plain
from pegboard import Dask, Session, task

ITEMS = 10_000
ROUNDS = 3
GOAL = 1.3


def report() -> str:
    """Measure maps of ten thousand items, in turns, and lay them out with the ratio to the bare client."""
    from distributed import Client, LocalCluster

    options = {"dashboard_address": "127.0.0.1:0", "scheduler_kwargs": {"dashboard": False}}
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1", **options) as cluster,
        Client(cluster, set_as_default=False) as client,
        Session(Dask(client=client), executor="dask", inherit=False),
    ):
        probe = task(plain)
        ways: dict[str, Callable[[int], object]] = {
            "Client.map and gather": lambda items: client.gather(client.map(plain, range(items), pure=False)),
            "Client.map in batches of 500": lambda items: client.gather(
                client.map(plain, range(items), pure=False, batch_size=500)
            ),
            "task.map on dask": lambda items: probe.map(range(items)),
        }
        return _table(_measured(ways))


def _measured(ways: dict[str, Callable[[int], object]]) -> dict[str, float]:
    times: dict[str, list[float]] = {name: [] for name in ways}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Dask, that a graph is large
        for way in ways.values():
            way(100)
        for _ in range(ROUNDS):
            for name, way in ways.items():
                began = time.perf_counter()
                way(ITEMS)
                times[name].append((time.perf_counter() - began) / ITEMS * 1e6)
    return {name: statistics.median(each) for name, each in times.items()}


def _table(figures: dict[str, float]) -> str:
    bare = figures["Client.map and gather"]
    ours = figures["task.map on dask"] / bare
    lines = [f"\nMaps of {ITEMS} items on Dask", f"{'':44}{'us an item':>11}{'x bare':>9}"]
    lines += [f"{name:44}{each:11.1f}{each / bare:9.3f}" for name, each in figures.items()]
    return "\n".join([*lines, f"goal: at most {GOAL} {'ok' if ours <= GOAL else 'OVER'}"])


if __name__ == "__main__":
    print(report())
