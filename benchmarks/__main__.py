"""`make bench`: what a call costs, as ratios in one run."""

from __future__ import annotations

import platform
import sys

from benchmarks import calls, durable, fanout, graph, imports, policies, queue, schedule, serving, telemetry
from benchmarks.measure import measure, table


def main() -> None:
    """Print every table."""
    print(
        f"CPython {platform.python_version()}, {platform.machine()}. `ref us` is the ratio to the plain call times 0.03 us,"
    )
    print(
        "what that call takes on the machine the goals were written for; `spread` is the interquartile range."
    )
    print(table("Calls, sync", measure(calls.rows("sync"))), flush=True)
    print(table("Calls, async", measure(calls.rows("async"))), flush=True)
    print(table("Streams", measure(calls.stream_rows())), flush=True)
    print(serving.report(), flush=True)
    print(policies.report(), flush=True)
    print(telemetry.report(), flush=True)
    print(table("Maps", measure(fanout.rows())), flush=True)
    print(graph.report(), flush=True)
    print(table("Queue", measure(queue.rows())), flush=True)
    print(schedule.report(), flush=True)
    print(durable.report(), flush=True)
    print(imports.report(), flush=True)


if __name__ == "__main__":
    sys.exit(main())
