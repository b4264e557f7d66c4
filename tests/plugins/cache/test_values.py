"""The values of one task: a store that fails is a miss, a secret is not written, and an origin is told."""

from __future__ import annotations

import asyncio
import threading
from itertools import count
from pathlib import Path

import pytest

from pegboard import Scope, Session, current_call, hookimpl, task
from pegboard.records import SERVED_FROM
from pegboard_cache import Cache, Caching
from pegboard_cache._store import Usage


class Broken:
    """A store in which everything fails, and which counts how often it was asked."""

    blocking = True
    persistent = True

    def __init__(self, error=None, *, reads=True):
        self.error = error or OSError(28, "no space left")
        self.reads = reads
        self.asked = count()

    def get(self, key):
        if self.reads:
            return self._fail()
        return None

    def _fail(self):
        next(self.asked)
        raise self.error

    def put(self, key, entry):
        self._fail()

    def delete(self, key):
        self._fail()

    def clear(self, prefix=""):
        self._fail()

    def usage(self):
        return Usage(0, 0)


@pytest.mark.parametrize("reads", [True, False], ids=["nothing works", "writing fails"])
def test_failing_store(make, warnings_of_cache, reads):
    """A store that fails is a miss; the value is returned, the body runs once a call, one warning each."""
    runs, caching = count(), Caching(Broken(reads=reads))
    with Session(caching, inherit=False):
        cached = make(lambda: next(runs))
        assert [cached(), cached()] == [0, 1]
    assert caching.stats().failures == (4 if reads else 2)
    assert len(warnings_of_cache()) == (2 if reads else 1)
    assert "no space left" in warnings_of_cache()[0]


def test_failing_store_shows_no_value(warnings_of_cache):
    """The text of a stranger's error, which may hold a value, is not logged."""

    @task(Cache())
    def body():
        return 1

    with Session(Caching(Broken(ValueError("canary"))), inherit=False):
        body()
    assert "canary" not in "".join(warnings_of_cache())


def test_unstorable_value(tmp_path, warnings_of_cache):
    """A value that a folder cannot give back exactly is returned, not kept, and one warning says so."""
    caching, runs = Caching(tmp_path / "cache"), count()

    @task(Cache())
    def body():
        next(runs)
        return threading.Lock()

    with Session(caching, inherit=False):
        body()
        body()
    assert next(runs) == 2
    assert (caching.stats().unstorable, caching.stats().failures) == (2, 0)
    (warning,) = warnings_of_cache()
    assert "lock" in warning


SECRET = "canary-7f3a-9c41"


@pytest.mark.parametrize(
    "value",
    [SECRET, {"nested": [f"Bearer {SECRET}"]}, SECRET.encode(), Path("/keys") / SECRET],
    ids=["text", "nested", "bytes", "path"],
)
def test_known_secret_is_not_stored(any_caching, make, warnings_of_cache, value, request):
    """A value with a known secret in it is returned, and written to no file, server or bucket; one warning."""
    runs = count()
    body = make(lambda x: (next(runs), value)[1])
    with Session(any_caching, inherit=False, strict=True) as session:
        session.masks.add(SECRET)
        assert [body(1), body(1)] == [value, value]
    in_memory = request.node.callspec.params["any_caching"] == "memory"
    assert next(runs) == (1 if in_memory else 2)
    assert any_caching.stats().entries == int(in_memory)
    assert len(warnings_of_cache()) == (0 if in_memory else 1)
    assert SECRET not in str(warnings_of_cache())


def test_secret_as_an_argument_is_in_no_key(caching, make, recorder):
    """An argument that is a secret shows in no key and no file name, and the value is kept."""
    body = make(lambda x: len(x) + 0)
    with Session(caching, recorder, inherit=False, strict=True) as session:
        session.masks.add(SECRET)
        assert [body(SECRET), body(SECRET)] == [len(SECRET)] * 2
    assert caching.stats().stored == 1
    assert not [event for event in recorder.events if SECRET in str(event)]


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
