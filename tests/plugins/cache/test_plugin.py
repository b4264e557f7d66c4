"""The plugin: stores, sessions, statistics."""

from __future__ import annotations

import asyncio
import gc
import sqlite3
import threading
from itertools import count

import pytest

from pegboard import Session, task
from pegboard.testing import FakeClock, Instruments, check_plugin
from pegboard_cache import Cache, Caching, Entry
from pegboard_cache._store import Usage


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


def test_a_task_with_a_cache_has_looked_up_nothing_so_far():
    """Hits and misses are counters at 0 before its first call, and a task without a cache has none."""
    instruments = Instruments()
    with Session(instruments, Caching(), inherit=False) as session:
        session.explain(task(Cache(60), name="cached")(len))
        session.explain(task(name="plain")(len))
    found = {
        (name, result): instruments.value(
            "pegboard_cache_lookups", pegboard_task_name=name, pegboard_cache_result=result
        )
        for name in ("cached", "plain")
        for result in ("hit", "miss")
    }
    assert found == {
        ("cached", "hit"): 0,
        ("cached", "miss"): 0,
        ("plain", "hit"): None,
        ("plain", "miss"): None,
    }
