"""Nothing grows: a million calls, failures and streams, with plugins attached."""

from __future__ import annotations

import gc
import os

import pytest

from pegboard import Layer, Order, Session, hookimpl, task


class Counting:
    """An observer that keeps numbers only."""

    name = "counting"

    def __init__(self) -> None:
        self.count = 0

    @hookimpl
    def before_execute(self, call) -> None:
        self.count += 1

    @hookimpl
    def after_execute(self, call, outcome) -> None:
        self.count += 1


class Passing:
    """A layer that changes nothing."""

    name = "passing"

    @hookimpl
    def bind(self, task) -> Layer:
        async def run(call, proceed):
            return await proceed(call)

        async def stream(call, proceed):
            async for item in proceed(call):
                yield item

        return Layer("passing", Order.LIMIT, run, stream)


@task
def function(x: int) -> int:
    return x


@task
def failing(x: int) -> int:
    raise ValueError(x)


@task
def generator(x: int):
    yield x
    yield x


def resident() -> int:
    """Bytes of memory this process really uses."""
    with open("/proc/self/statm") as file:  # noqa: PTH123 - no path object in the measurement
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def calls(times: int) -> None:
    for i in range(times):
        function(i)


def failures(times: int) -> None:
    for i in range(times):
        try:
            failing(i)
        except ValueError:
            pass


def streams(times: int) -> None:
    for i in range(times):
        for _ in generator(i):
            break


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("work", "times"), [(calls, 1_000_000), (failures, 200_000), (streams, 200_000)])
def test_memory_does_not_grow(work, times: int) -> None:
    """Under 2 MB more after a million calls than after the warm-up."""
    with Session(Counting(), Passing(), inherit=False):
        work(50_000)
        gc.collect()
        before = resident()
        work(times)
        gc.collect()
        assert resident() - before < 2_000_000
