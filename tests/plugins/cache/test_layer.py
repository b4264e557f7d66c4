"""What a cached task does, with both stores and in both colours."""

from __future__ import annotations

import threading
from itertools import count

import pytest

from pegboard import Layer, Order, Session, current_call, hookimpl, task
from pegboard.testing import Recorder
from pegboard_cache import Cache, Caching


@pytest.mark.parametrize("value", [None, 0, False, "", [], 0.0], ids=repr)
def test_empty_values_are_hits(session, make, value):
    """None, 0, False and empty texts and lists are values like any other."""
    runs = count()

    def body():
        next(runs)
        return value

    cached = make(body)
    assert [cached(), cached()] == [value, value]
    assert next(runs) == 1


def test_hit_keeps_type(session, make):
    """A hit has the very type that was stored."""
    cached = make(lambda: (1, {2}, b"3"))
    cached()
    assert cached() == (1, {2}, b"3")


def test_miss_then_hit_are_told(session, recorder, make):
    """A call that runs tells a miss and one that does not tells a hit, of the same key, with source cache."""
    cached = make(lambda x: x + 1)
    cached(1)
    cached(1)
    miss, hit = recorder.of("on_cache_miss"), recorder.of("on_cache_hit")
    assert [event.details["key"] for event in miss] == [event.details["key"] for event in hit]
    assert [str(event) for event in recorder.of("after_execute")] == [
        "after_execute ok/run 1",
        "after_execute ok/cache 0",
    ]


def test_key_shows_no_input(session, recorder):
    """The key in the events holds the task's name and nothing of the inputs, also with a key function."""

    @task(Cache(key=lambda inputs: inputs["who"]))
    def greet(who):
        return who

    greet("canary")
    (event,) = recorder.of("on_cache_miss")
    assert event.details["key"].startswith("greet:")
    assert "canary" not in event.details["key"]


def test_error_is_not_stored(session, make):
    """A call that raised leaves nothing; the next one runs."""
    runs = count(1)

    def body():
        if next(runs) == 1:
            raise LookupError("first")
        return "second"

    cached = make(body)
    with pytest.raises(LookupError):
        cached()
    assert cached() == "second"


def test_error_is_the_same_object(session):
    """The task's own exception leaves a cached call."""
    error = LookupError("own")

    @task(Cache())
    def fails():
        raise error

    with pytest.raises(LookupError) as caught:
        fails()
    assert caught.value is error


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_interrupted_call_is_not_stored(session, stop):
    """A call that ends by KeyboardInterrupt or SystemExit ran once and left nothing."""
    runs = count(1)

    @task(Cache())
    def body():
        if next(runs) == 1:
            raise stop
        return "second"

    with pytest.raises(stop):
        body()
    assert body() == "second"


class StandIn:
    """Answers failing calls inside the cache, as a handler does."""

    name = "stand-in"

    @hookimpl
    def bind(self, session, task):
        async def run(call, proceed):
            await proceed(call)
            call.source = "fallback"
            return "instead"

        return Layer("stand-in", Order.CACHE + 1, run=run)


def test_fallback_is_not_stored(caching, recorder, make):
    """A value whose source is a fallback is returned and not kept."""
    runs = count()
    with Session(caching, StandIn(), recorder, inherit=False):
        cached = make(lambda: next(runs))
        assert [cached(), cached()] == ["instead", "instead"]
    assert next(runs) == 2
    assert caching.stats().stored == 0


@pytest.mark.parametrize(("age", "hits"), [(0, True), (59.9, True), (60, False), (1e6, False), (-1, False)])
def test_ttl(session, clock, make, age, hits):
    """Fresh from 0 up to just below the ttl; an entry from the future is a miss."""
    runs = count()
    cached = make(lambda: next(runs), Cache(ttl=60))
    cached()
    clock.advance(age)
    cached()
    assert next(runs) == (1 if hits else 2)


@pytest.mark.parametrize(("stored", "current"), [(100, 10), (10, 100), (None, 10), (10, None)])
def test_shorter_ttl_counts(session, clock, stored, current):
    """The shorter of the ttl at storing and the ttl now decides."""
    runs = count()

    @task(Cache(ttl=stored))
    def body():
        return next(runs)

    body()
    clock.advance(9)
    assert body.with_options(Cache(ttl=current))() == 0
    clock.advance(2)
    assert body.with_options(Cache(ttl=current))() == 1


def test_ttl_zero_is_off(session, recorder, make):
    """Ttl 0 never hits, not even what was stored before, and puts no layer around the task."""
    runs = count()

    @task(Cache())
    def body():
        return next(runs)

    off = body.with_options(Cache(ttl=0))
    assert [body(), off(), off()] == [0, 1, 2]
    assert session.explain(off).layers == ()


def test_unhashable_argument_runs_uncached(session, make, warnings_of_cache, caching):
    """An argument without a canonical form means no cache, one warning and no error."""
    runs = count()
    cached = make(lambda gate: next(runs))
    assert [cached(threading.Lock()), cached(threading.Lock())] == [0, 1]
    (warning,) = warnings_of_cache()
    assert "a lock" in warning
    assert caching.stats().uncached == 2


def test_key_function_failure_is_the_calls(session):
    """What a key function raises leaves the call, and the body does not run."""

    @task(Cache(key=lambda inputs: inputs["nobody"]))
    def body(x):
        raise AssertionError("not reached")

    with pytest.raises(KeyError, match="nobody"):
        body(1)


def test_hit_runs_no_attempt(session, recorder):
    """On a hit there is no attempt, and the beginning and the end are told once."""

    @task(Cache())
    def body():
        return 1

    body()
    recorder.clear()
    body()
    assert [event.hook for event in recorder.events] == ["before_execute", "on_cache_hit", "after_execute"]


def test_mutable_value_in_memory_is_shared():
    """A memory store keeps the object itself: every hit is that object."""

    @task(Cache())
    def body():
        return []

    with Session(Caching(), inherit=False):
        assert body() is body()


class Key:
    """A class with a cached method."""

    def __init__(self, base):
        self.base = base

    @task(Cache())
    def add(self, x):
        current_call().state[Key] = True
        return self.base + x


def test_method_key_holds_state_not_identity(session, recorder):
    """Equal objects share a value and different ones do not; the object's address plays no part."""
    assert [Key(1).add(2), Key(1).add(2), Key(5).add(2)] == [3, 3, 7]
    assert len(recorder.of("on_cache_hit")) == 1


def test_sensitive_task_refuses_a_cache():
    """A task whose values must not be kept cannot ask for a cache."""
    with pytest.raises(TypeError, match="sensitive"):

        @task(Cache(), sensitive=True)
        def body():
            return 1


def test_layers_inside_run_only_on_a_miss(caching):
    """The cache sits outside retries and attempts: a hit passes none of them."""
    seen = []

    class Inner:
        name = "inner"

        @hookimpl
        def bind(self, session, task):
            async def run(call, proceed):
                seen.append(call.id)
                return await proceed(call)

            return Layer("inner", Order.RETRY, run=run)

    @task(Cache())
    def body():
        return 1

    with Session(Inner(), caching, Recorder(), inherit=False):
        body()
        body()
    assert len(seen) == 1
