"""Timing that holds on a busy machine: every row is measured next to its baseline, many times, and the ratio counts."""

from __future__ import annotations

import asyncio
import atexit
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import copy_context

import attrs

# What the plain call takes on the machine that the goals were written for, in microseconds.
REFERENCE_PLAIN = 0.03
ROUNDS = 15
# Where a round is many calls, so many times as many rounds, each as much shorter: most of them are then over before the system
# gives the processor to another program, so that their median tells of this one.
SPLIT = 10


@attrs.frozen
class Row:
    """One thing to measure.

    Attributes:
        name: What it is.
        open: Sets everything up, and gives a function that does the thing `times` times.
        goal: Upper bound in microseconds on the reference machine; None where there is none.
        times: How often a round does it.
        each: By how many units a round is divided further, for items of a stream or a map.
    """

    name: str
    open: Callable[[], AbstractContextManager[Callable[[int], object]]]
    goal: float | None = None
    times: int = 5_000
    each: int = 1


@attrs.frozen
class Figure:
    """What a row took: microseconds here, the ratio to the plain call, and the spread of that ratio over the rounds."""

    row: Row
    here: float
    ratio: float
    spread: float

    @property
    def reference(self) -> float:
        """Microseconds on the reference machine."""
        return self.ratio * REFERENCE_PLAIN


def plain(x: int) -> int:
    """The function that every call is compared with."""
    return x


def repeat(function: Callable[..., object], *args: object) -> Callable[[int], None]:
    """Return a function that calls `function(*args)` so many times."""

    def loop(times: int) -> None:
        for _ in range(times):
            function(*args)

    return loop


def repeat_async(function: Callable[..., Awaitable[object]], *args: object) -> Callable[[int], None]:
    """The same for something to be awaited, in one event loop, with the context of whoever asks for it."""
    runner = asyncio.Runner()
    atexit.register(runner.close)

    async def loop(times: int) -> None:
        for _ in range(times):
            await function(*args)

    return lambda times: runner.run(loop(times), context=copy_context())


@contextmanager
def ready(run: Callable[[int], object]) -> Iterator[Callable[[int], object]]:
    """A row that needs no setting up."""
    yield run


def measure(rows: list[Row], baseline: Callable[[int], object] | None = None) -> list[Figure]:
    """Measure rows; each round of each row right after a round of the plain call."""
    base = baseline or repeat(plain, 1)
    figures = []
    for row in rows:
        split = SPLIT if row.times >= 100 * SPLIT else 1
        with row.open() as run:
            run(max(row.times // 10, 1))
            times, ratios = [], []
            for _ in range(ROUNDS * split):
                unit = _microseconds(base, 20_000 // split)
                took = _microseconds(run, row.times // split) / row.each
                times.append(took)
                ratios.append(took / unit)
        figures.append(Figure(row, min(times), statistics.median(ratios), _spread(ratios)))
    return figures


def _microseconds(run: Callable[[int], object], times: int) -> float:
    start = time.perf_counter()
    run(times)
    return (time.perf_counter() - start) / times * 1e6


def _spread(ratios: list[float]) -> float:
    low, _, high = statistics.quantiles(ratios, n=4)
    return (high - low) / statistics.median(ratios)


def table(title: str, figures: list[Figure]) -> str:
    """Lay figures out as text."""
    lines = [f"\n{title}", f"{'':44}{'here us':>9}{'x plain':>9}{'spread':>8}{'ref us':>9}{'goal':>8}"]
    for figure in figures:
        goal = figure.row.goal
        verdict = "" if goal is None else f"{goal:8.2f} {'ok' if figure.reference <= goal else 'OVER'}"
        lines.append(
            f"{figure.row.name:44}{figure.here:9.3f}{figure.ratio:9.1f}{figure.spread:8.0%}{figure.reference:9.3f}{verdict}"
        )
    return "\n".join(lines)
