"""What it costs that sessions come and go, and that one serves the whole process."""

from __future__ import annotations

import asyncio
import logging
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context
from typing import Any

from benchmarks.calls import aplain, layers, observers
from benchmarks.measure import Row, measure, plain, ready, repeat, table
from pegboard import Session, task

A_SECOND = 1_000
SLICES, TIMES, WARM_UP = 1_000, 300, 10
GOAL = 1.05


@contextmanager
def opened_elsewhere(*, beside: bool) -> Iterator[Callable[[int], object]]:
    """Call a task outside of all sessions, while another thread opens and closes so many a second.

    Args:
        beside: Whether one more is open all the time. Without, each of them is the first to be open, and the last.
    """
    logging.getLogger("pegboard").disabled = True  # it says that a session is open, and does not see the task
    over = threading.Event()

    def come_and_go() -> None:
        begun, number = time.perf_counter(), 0
        while not over.wait(0.5 / A_SECOND):
            # Where the machine is too busy for so many, it is as many as it can.
            while number < (time.perf_counter() - begun) * A_SECOND and not over.is_set():
                with Session(inherit=False):
                    number += 1

    def opens() -> None:
        if beside:
            with Session(inherit=False):
                come_and_go()
        else:
            come_and_go()

    thread = threading.Thread(target=opens)
    thread.start()
    try:
        yield repeat(task(plain), 1)
    finally:
        over.set()
        thread.join()
        logging.getLogger("pegboard").disabled = False


def rows() -> list[Row]:
    """A call that no session serves."""
    come_and_go = f"while {A_SECOND:,} sessions a second are opened"
    return [
        Row("task, no session", lambda: ready(repeat(task(plain), 1)), 0.2),
        Row(come_and_go, lambda: opened_elsewhere(beside=False), 0.2),
        Row(f"{come_and_go}, one stays", lambda: opened_elsewhere(beside=True), 0.2),
    ]


def in_turn(function: Callable[[int], Any], *plugins: object) -> tuple[float, float, float]:
    """Call a task in a session of its own and under an installed one, in many short slices by turns.

    Returns:
        The median microseconds of both, and the median ratio of two slices that follow each other.
    """
    loop = asyncio.new_event_loop()
    here, there = Context(), Context()
    own, installed = Session(*plugins, inherit=False), Session(*plugins, inherit=False)
    here.run(own.__enter__)
    installed.install()
    sides = [(context, _sliced(function, loop)) for context in (here, there)]
    figures: tuple[list[float], list[float]] = [], []
    for number in range(SLICES + WARM_UP):
        for (context, run), took in zip(sides, figures, strict=True):
            start = time.perf_counter()
            context.run(run, TIMES)
            if number >= WARM_UP:
                took.append((time.perf_counter() - start) / TIMES * 1e6)
    installed.uninstall()
    here.run(own.__exit__, None, None, None)
    loop.close()
    return (
        statistics.median(figures[0]),
        statistics.median(figures[1]),
        statistics.median(b / a for a, b in zip(*figures, strict=True)),
    )


def _sliced(function: Callable[[int], Any], loop: asyncio.AbstractEventLoop) -> Callable[[int], object]:
    called = task(function)
    if not asyncio.iscoroutinefunction(function):
        return repeat(called, 1)

    async def many(times: int) -> None:
        for _ in range(times):
            await called(1)

    return lambda times: loop.run_until_complete(many(times))


def comparison() -> str:
    """Lay out what an installed session costs, against one of the call's own."""
    lines = [
        f"\nUnder an installed session, and in one of its own (median of {SLICES} slices by turns)",
        f"{'':44}{'own us':>9}{'installed':>10}{'ratio':>8}{'goal':>8}",
    ]
    for name, function, plugins in (
        ("nothing attached", plain, []),
        ("nothing attached, async", aplain, []),
        ("3 observers", plain, observers(3)),
        ("1 layer", plain, layers(1)),
    ):
        own, installed, ratio = in_turn(function, *plugins)
        verdict = "ok" if ratio <= GOAL else "OVER"
        lines.append(f"{name:44}{own:9.3f}{installed:10.3f}{ratio:8.3f}{GOAL:8.2f} {verdict}")
    return "\n".join(lines)


def report() -> str:
    """Measure, and lay out both tables."""
    return table("Without a session, while sessions come and go", measure(rows())) + "\n" + comparison()


if __name__ == "__main__":
    print(report())
