"""What a schedule of 10,000 entries costs: to fill, to look at when nothing is due, and to run when all are."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from benchmarks.measure import Row, measure, plain, ready, repeat, table
from pegboard import Session, task
from pegboard.testing import FakeClock
from pegboard_schedule import Cron, Every, Scheduling, Trigger

ENTRIES = 10_000
Opened = Callable[[], AbstractContextManager[Callable[[int], object]]]


@task
def tick() -> None:
    """Do nothing."""


@contextmanager
def filled(trigger: Trigger, executor: str) -> Iterator[tuple[Scheduling, FakeClock]]:
    """Open a session with so many entries; lines about runs that are missed are not what is measured."""
    clock, schedule = FakeClock(), Scheduling()
    logging.getLogger("pegboard.schedule").setLevel(logging.ERROR)
    with Session(schedule, clock, executor=executor, inherit=False):
        for _ in range(ENTRIES):
            schedule.add(tick, trigger)
        yield schedule, clock


@contextmanager
def filling() -> Iterator[Callable[[int], object]]:
    def fill(times: int) -> None:
        for _ in range(times):
            with filled(Every(60), "inline"):
                pass

    yield fill


@contextmanager
def idle() -> Iterator[Callable[[int], object]]:
    with filled(Every(60), "inline") as (schedule, _):
        yield repeat(schedule.run_pending)


def due(trigger: Trigger, executor: str) -> Opened:
    """All entries are due, each time."""

    @contextmanager
    def opened() -> Iterator[Callable[[int], object]]:
        with filled(trigger, executor) as (schedule, clock):

            def run(times: int) -> None:
                for _ in range(times):
                    clock.advance(60)
                    assert len(schedule.run_pending()) == ENTRIES

            yield run

    return opened


def rows() -> list[Row]:
    each = {"times": 1, "each": ENTRIES}
    return [
        Row("plain function", lambda: ready(repeat(plain, 1))),
        Row("a look when none of 10k is due", idle),
        Row("filling, per entry", filling, **each),
        Row("10k due, inline, per run", due(Every(60), "inline"), **each),
        Row("10k due, threads, per run", due(Every(60), "threads"), **each),
        Row("10k due by cron, inline, per run", due(Cron("* * * * *", "Europe/Berlin"), "inline"), **each),
    ]


def report() -> str:
    """Measure, and lay out the table."""
    return table("Schedules", measure(rows()))


if __name__ == "__main__":
    print(report())
