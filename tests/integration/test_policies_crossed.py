"""Retry, Timeout, Concurrency, Breaker, Handle and Fallback at once: on every executor, by every way to call."""

from __future__ import annotations

import asyncio
import time

import pytest

from pegboard import (
    Breaker,
    Concurrency,
    Fallback,
    Handle,
    Limits,
    Metrics,
    Retry,
    Session,
    Timeout,
    current_call,
    gather,
    task,
)
from pegboard.testing import Recorder

OPTIONS = (
    Concurrency(1, max_wait=60),
    Retry(5, overlap=False),
    Breaker(20),
    Timeout(0.6),
    Handle(ValueError, lambda error, what: f"handled {what}"),
    Fallback(lambda what: f"fallback for {what}"),
)


def _body(what):
    """Fail twice, take too long once, and then do what is asked; by the number of the attempt, as it is known everywhere."""
    attempt = current_call().attempt
    if attempt < 3:
        raise ConnectionError
    if what == "never":
        raise KeyError(what)
    if what == "handled":
        raise ValueError(what)
    return attempt


@task(*OPTIONS)
def crossed(what):
    if current_call().attempt == 3:
        time.sleep(1.2)
    return _body(what)


@task(*OPTIONS)
async def crossed_later(what):
    if current_call().attempt == 3:
        await asyncio.sleep(1.2)
    return _body(what)


async def _awaited(make):
    return await make()


async def _gathered(probe, inputs):
    return await gather(*(probe.acall(what) for what in inputs))


def _called(probe, what):
    return asyncio.run(_awaited(lambda: probe(what))) if probe is crossed_later else probe(what)


WAYS = {
    "call": lambda probe, inputs: [_called(probe, what) for what in inputs],
    "run": lambda probe, inputs: [probe.run(what).unwrap() for what in inputs],
    "acall": lambda probe, inputs: [asyncio.run(probe.acall(what)) for what in inputs],
    "submit": lambda probe, inputs: [each.result(60) for each in [probe.submit(what) for what in inputs]],
    "map": lambda probe, inputs: probe.map(inputs),
    "amap": lambda probe, inputs: asyncio.run(_awaited(lambda: probe.amap(inputs))),
    "imap": lambda probe, inputs: list(probe.imap(inputs)),
    "gather": lambda probe, inputs: list(asyncio.run(_gathered(probe, inputs))),
}


@pytest.mark.slow
@pytest.mark.parametrize("executor", ["inline", "threads", "processes"])
@pytest.mark.parametrize("probe", [crossed, crossed_later], ids=["function", "coroutine"])
@pytest.mark.parametrize("way", WAYS)
def test_they_mean_the_same_everywhere(executor, probe, way):
    """Two failures and a timeout are retried; handler and fallback answer in the end; slot and breaker are free."""
    recorder, limits = Recorder(), Limits()
    with Session(limits, Metrics(), recorder, executor=executor, inherit=False, strict=True) as session:
        assert WAYS[way](probe, ["value", "handled", "never"]) == [4, "handled handled", "fallback for never"]
        stats = session[Metrics].stats(probe)
    assert (stats.calls, stats.attempts, stats.retries, stats.failures) == (3, 16, 13, 0)
    assert [event.details["ran"] for event in recorder.of("on_retry")] == [True] * 13
    assert len(recorder.of("before_attempt")) == len(recorder.of("after_attempt")) == 16
    assert recorder.unbalanced() == []
    assert [slots.taken for slots in limits._rates_and_slots._slots.all()] == [0]
    assert [each.state for each in limits.breakers().values()] == ["closed"]
