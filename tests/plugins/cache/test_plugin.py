"""The plugin: stores, failures, statistics, forgetting."""

from __future__ import annotations

import asyncio
import gc
import sqlite3
import threading
from itertools import count
from pathlib import Path

import pytest

from pegboard import Session, task
from pegboard.testing import FakeClock, check_plugin
from pegboard_cache import Cache, Caching, Entry, MemoryStore
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


class Remote:
    """A user's store: a dict that remembers which threads asked it."""

    blocking = True
    persistent = True

    def __init__(self):
        self.entries = {}
        self.threads = set()

    def get(self, key):
        self.threads.add(threading.current_thread())
        found = self.entries.get(key)
        return None if found is None else Entry(*found)

    def put(self, key, entry):
        self.entries[key] = tuple(entry)

    def delete(self, key):
        return self.entries.pop(key, None) is not None

    def clear(self, prefix=""):
        gone = [key for key in self.entries if key.startswith(prefix)]
        for key in gone:
            del self.entries[key]
        return len(gone)

    def usage(self):
        return Usage(len(self.entries), 0)


@pytest.mark.parametrize("store", ["memory", "folder", "redis", "objects"])
def test_manners(store, tmp_path, request):
    """The plugin has the manners that every plugin must have, with each store."""
    given = {"memory": None, "folder": tmp_path / "cache", "objects": "memory:///"}
    where = request.getfixturevalue("redis_url") if store == "redis" else given[store]
    check_plugin(lambda: Caching(where), Cache())


def test_option_brings_the_plugin():
    """A task with a cache needs nobody to attach one."""
    runs = count()

    @task(Cache())
    def body():
        return next(runs)

    with Session(inherit=False) as session:
        assert [body(), body()] == [0, 0]
        assert session.plugins["cache"].stats().hits == 1


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


def test_own_store(make):
    """A user's store serves, and async tasks ask it in a thread."""
    store, runs = Remote(), count()
    with Session(Caching(store), inherit=False):
        cached = make(lambda: next(runs))
        assert [cached(), cached()] == [0, 0]
    assert len(store.entries) == 1


def test_blocking_store_does_not_block_the_loop():
    """A store that does I/O is asked outside the event loop's thread."""
    store = Remote()

    @task(Cache())
    async def body():
        return 1

    with Session(Caching(store), inherit=False):
        asyncio.run(_run(body))
    assert threading.main_thread() not in store.threads


async def _run(body):
    return await body()


def test_store_of_a_task(tmp_path):
    """A task's own store is used instead of the session's, and counted and cleared with it."""
    caching, own = Caching(), tmp_path / "own"

    @task(Cache(store=own))
    def apart():
        return 1

    @task(Cache())
    def usual():
        return 2

    with Session(caching, inherit=False):
        apart()
        usual()
        assert own.is_dir()
        assert caching.stats().entries == 2
        assert caching.clear() == 2
        assert caching.stats().entries == 0


def test_values_survive_a_session(any_caching):
    """One plugin keeps its values from one session to the next."""
    runs = count()

    @task(Cache())
    def body():
        return next(runs)

    for _ in range(2):
        with Session(any_caching, inherit=False):
            assert body() == 0


def test_next_process_finds_the_values(tmp_path):
    """A new plugin on the same folder answers from it."""

    @task(Cache())
    def body(x):
        return x + 1

    for _ in range(2):
        caching = Caching(tmp_path / "cache")
        with Session(caching, inherit=False):
            assert body(1) == 2
    assert (caching.stats().hits, caching.stats().misses) == (1, 0)


def test_two_sessions_at_once(caching):
    """One instance serves two sessions in two threads, and its files are closed with the last."""
    runs = count()

    @task(Cache())
    def body():
        return next(runs)

    with Session(caching, inherit=False):
        body()
        thread = threading.Thread(target=_in_session, args=(caching, body))
        thread.start()
        thread.join()
        assert body() == 0
    assert next(runs) == 1


def _in_session(caching, body):
    with Session(caching, inherit=False):
        body()


def test_files_are_closed_at_the_end(tmp_path):
    """After the session, and after asking outside one, no connection is left open."""
    caching = Caching(tmp_path / "cache")

    @task(Cache())
    def body():
        return 1

    with Session(caching, inherit=False):
        body()
    assert caching.stats().entries == 1
    assert caching.clear() == 1
    gc.collect()
    assert not [each for each in gc.get_objects() if type(each) is sqlite3.Connection and _is_open(each)]


def _is_open(connection):
    try:
        connection.execute("SELECT 1")
    except sqlite3.ProgrammingError:
        return False
    return True


def test_invalidate(session, caching):
    """One call's value is forgotten, however the call is written; the others stay."""
    runs = count()

    @task(Cache())
    def body(a, b=2):
        return next(runs)

    body(1)
    body(2)
    assert caching.invalidate(body, a=1, b=2)
    assert not caching.invalidate(body, 1)
    assert [body(2), body(1)] == [1, 2]


def test_invalidate_wrong_arguments(caching):
    """Arguments that do not fit the task are an error, not an entry that is not there."""

    @task(Cache())
    def body(a):
        return a

    with pytest.raises(TypeError, match="too many"):
        caching.invalidate(body, 1, 2)
    with pytest.raises(TypeError, match="lock"):
        caching.invalidate(body, threading.Lock())


class Box:
    def __init__(self, n):
        self.n = n

    @task(Cache())
    def value(self, x):
        return self.n + x


def test_invalidate_method(session, caching):
    """A method is given as the attribute of an object."""
    Box(1).value(1)
    Box(2).value(1)
    assert caching.invalidate(Box(1).value, 1)
    assert caching.stats().entries == 1


def test_clear_task(session, caching):
    """All values of one task are forgotten, whatever the version; other tasks keep theirs."""

    @task(Cache())
    def one(x):
        return x

    @task(Cache())
    def other(x):
        return x

    one.map([1, 2, 3])
    one.with_options(Cache(version=2))(1)
    other(1)
    assert caching.clear(one) == 4
    assert caching.stats().entries == 1


def test_task_cached_by_default_option():
    """A task that is cached by the session's default can be invalidated too."""

    @task
    def body(x):
        return x

    caching = Caching()
    with Session(caching, defaults=[Cache()], inherit=False):
        body(1)
        assert caching.invalidate(body, 1)
    with pytest.raises(ValueError, match="no Cache option"):
        caching.invalidate(body, 1)


def test_stats(session, caching):
    """Hits, misses, stored values and what is kept are counted."""

    @task(Cache())
    def body(x):
        return x

    body(1)
    body(1)
    body(2)
    stats = caching.stats()
    assert (stats.hits, stats.misses, stats.stored, stats.entries) == (1, 2, 2, 2)
    assert stats.bytes > 0


def test_size_of_memory():
    """The memory store keeps within the bytes that it was given."""
    caching = Caching(max_bytes=50_000)

    @task(Cache())
    def body(x):
        return b"x" * 10_000

    with Session(caching, inherit=False):
        for i in range(20):
            body(i)
    assert caching.stats().bytes <= 50_000
    assert caching.stats().evicted >= 15


def test_closure_that_other_processes_cannot_find(tmp_path, warnings_of_cache):
    """A function over a lock is cached for this process alone, and a folder store says so once."""
    gate = threading.Lock()

    @task(Cache())
    def body():
        with gate:
            return 1

    caching = Caching(tmp_path / "cache")
    with Session(caching, inherit=False):
        assert [body(), body()] == [1, 1]
    assert caching.stats().hits == 1
    (warning,) = warnings_of_cache(closures=True)
    assert "this process" in warning


def test_clock_of_the_session_decides(tmp_path):
    """Two sessions with other clocks see one entry at different ages."""
    caching, runs = Caching(tmp_path / "cache"), count()

    @task(Cache(ttl=60))
    def body():
        return next(runs)

    for start, expected in ((1000.0, 0), (1059.0, 0), (1060.0, 1), (500.0, 2)):
        with Session(FakeClock(start), caching, inherit=False):
            assert body() == expected


def test_plugin_repr_and_option_repr_show_no_values(session, caching):
    """What the plugin prints of itself shows no stored value."""

    @task(Cache())
    def body(x):
        return "canary"

    body("canary")
    shown = f"{caching!r} {caching.stats()!r} {session.explain(body)} {Entry('canary', 0.0, None)!r}"
    assert "canary" not in shown


def test_async_twins(any_caching):
    """Coroutines count, forget and clear without holding up the loop."""
    runs = count()

    @task(Cache())
    async def body(x):
        return next(runs)

    async def main():
        await body(1)
        await body(2)
        assert (await any_caching.astats()).entries == 2
        assert await any_caching.ainvalidate(body, x=1)
        assert not await any_caching.ainvalidate(body, 1)
        assert await any_caching.aclear(body) == 1
        assert await any_caching.aclear() == 0

    with Session(any_caching, inherit=False, strict=True):
        asyncio.run(main())


SECRET = "canary-7f3a-9c41"


@pytest.mark.parametrize(
    "value",
    [SECRET, {"nested": [f"Bearer {SECRET}"]}, SECRET.encode(), Path("/keys") / SECRET],
    ids=["text", "nested", "bytes", "path"],
)
def test_known_secret_is_not_stored(any_caching, make, warnings_of_cache, value):
    """A value with a known secret in it is returned, and written to no file, server or bucket; one warning."""
    runs = count()
    body = make(lambda x: (next(runs), value)[1])
    with Session(any_caching, inherit=False, strict=True) as session:
        session.masks.add(SECRET)
        assert [body(1), body(1)] == [value, value]
    in_memory = isinstance(any_caching._stores.main, MemoryStore)
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


@pytest.mark.parametrize("wrong", ["body", print, Cache()], ids=["name", "function", "option"])
def test_forgetting_what_is_no_task(wrong):
    """Anything but a task is refused, and the text says what to give."""
    for forget in (Caching().clear, Caching().invalidate):
        with pytest.raises(TypeError, match="decorated function"):
            forget(wrong)
