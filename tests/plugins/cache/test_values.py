"""Which span computed a value: kept beside it, and told on a hit."""

from __future__ import annotations

import asyncio
import threading

import pytest

from pegboard import Scope, Session, current_call, hookimpl, task
from pegboard_cache import Cache, Caching
from pegboard_cache._values import SERVED_FROM


class Tracing:
    """Gives every call ids, as whoever traces does, and keeps what calls were told."""

    name = "tracing"

    def __init__(self, sampled=True):
        self.sampled = sampled
        self.told = []

    @hookimpl
    def bind(self):
        def enter(call):
            call.trace_id, call.span_id, call.sampled = "a" * 32, f"{call.number:016x}", self.sampled

        return Scope("tracing", enter, lambda call, entered: None)

    @hookimpl
    def on_cache_hit(self, call):
        self.told.append(call.state.get(SERVED_FROM))


def kept_by(kind, ran, **options):
    """A cached task that notes the ids of the calls that ran."""

    def note(x):
        call = current_call()
        ran.append((call.trace_id, call.span_id))
        return x

    def function(x):
        return note(x)

    async def coroutine(x):
        return note(x)

    def generator(x):
        yield note(x)

    return task(Cache(ttl=60, **options), name="kept")(locals()[kind])


@pytest.mark.parametrize("in_memory", [True, False], ids=["memory", "folder"])
@pytest.mark.parametrize("kind", ["function", "coroutine", "generator"])
def test_a_hit_is_told_who_computed_its_value(tmp_path, kind, in_memory):
    """Trace id and span id of the call that ran, before `on_cache_hit`, whatever the kind and the store."""
    ran, tracing = [], Tracing()
    kept = kept_by(kind, ran)
    with Session(tracing, Caching(None if in_memory else tmp_path), inherit=False, strict=True):
        for _ in range(3):
            kept.run(1).unwrap()
    assert len(ran) == 1
    assert tracing.told == ran * 2


@pytest.mark.parametrize(("first", "second"), [(None, True), (False, True), (True, False), (True, None)])
def test_nothing_is_told_of_spans_that_were_not_kept(first, second):
    """Neither of a computation that was not traced or sampled, nor to a hit that is not."""
    ran, caching = [], Caching()
    kept = kept_by("function", ran)
    told = []
    for sampled in (first, second):
        tracing = Tracing(sampled)
        plugins = [tracing, caching] if sampled is not None else [caching]
        with Session(*plugins, inherit=False, strict=True):
            kept(1)
        told += tracing.told
    assert len(ran) == 1
    assert [each for each in told if each is not None] == []


def test_whoever_waits_for_an_equal_call_is_told_of_it():
    """The call that ran is the origin of those that joined it."""
    ran, tracing = [], Tracing()
    begun, let_go = threading.Event(), threading.Event()

    @task(Cache(ttl=60))
    def slow(x):
        call = current_call()
        ran.append((call.trace_id, call.span_id))
        begun.set()
        assert let_go.wait(10)
        return x

    with Session(tracing, Caching(), inherit=False, strict=True):
        first = slow.submit(1)
        assert begun.wait(10)
        second = slow.submit(1)
        let_go.set()
        assert first.result() == second.result() == 1
    assert tracing.told == ran


def test_coroutines_that_join_are_told_too():
    """The same for a coroutine."""
    ran, tracing = [], Tracing()

    @task(Cache(ttl=60))
    async def slow(x):
        call = current_call()
        ran.append((call.trace_id, call.span_id))
        await asyncio.sleep(0)
        return x

    async def both():
        return await asyncio.gather(slow(1), slow(1))

    with Session(tracing, Caching(), inherit=False, strict=True):
        assert asyncio.run(both()) == [1, 1]
    assert tracing.told == ran
