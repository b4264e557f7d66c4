"""Which stores have leases, and which tasks may ask for one."""

from __future__ import annotations

import pytest

from pegboard import BindError, Session, UnsupportedTask, task
from pegboard_cache import Cache, Caching, MemoryStore


def test_memory_needs_no_lock():
    """A memory store belongs to one process, whose calls share a run anyway; `lock` changes nothing."""

    @task(Cache(lock=True))
    def body():
        return 1

    with Session(Caching(), inherit=False, strict=True):
        assert body() == body() == 1


def test_objects_have_no_locks():
    """A store without locks is refused when the task is bound, with what to use instead."""

    @task(Cache(lock=True))
    def body():
        return 1

    with (
        Session(Caching("memory:///"), inherit=False),
        pytest.raises(BindError, match="folder or a Redis server"),
    ):
        body()


def test_streams_do_not_wait():
    """A generator task with a lock is refused: its consumer sets the pace."""

    @task(Cache(lock=True))
    def stream():
        yield 1

    with Session(Caching(), inherit=False), pytest.raises(UnsupportedTask, match="stream") as caught:
        list(stream())
    assert caught.value.task == "stream"


class Shared:
    """A user's store with leases, which notes who held them."""

    blocking = False
    persistent = True

    def __init__(self):
        self.inner = MemoryStore()
        self.get, self.put, self.delete = self.inner.get, self.inner.put, self.inner.delete
        self.clear, self.usage = self.inner.clear, self.inner.usage
        self.noted = []

    def lease(self, key):
        self.noted.append("taken")
        return self

    def release(self):
        self.noted.append("released")


def test_own_store_with_leases():
    """A user's store that has `lease` serves `lock=True`: one lease for each run, none for a hit."""

    @task(Cache(lock=True))
    def body():
        return 1

    store = Shared()
    with Session(Caching(store), inherit=False, strict=True):
        assert [body(), body()] == [1, 1]
    assert store.noted == ["taken", "released"]


def test_own_store_whose_leases_fail(warnings_of_cache):
    """A lease that cannot be asked for, or given back, is a failure of the store, and the task goes on."""

    @task(Cache(lock=True))
    def body(x):
        return x

    class Failing(Shared):
        def lease(self, key):
            if "taken" in self.noted:
                raise OSError("away")
            return super().lease(key)

        def release(self):
            raise OSError("away")

    caching = Caching(Failing())
    with Session(caching, inherit=False, strict=True):
        assert [body(1), body(2)] == [1, 2]
    assert caching.stats().failures == 2
    assert [text.partition(" its")[0] for text in warnings_of_cache()] == [
        "the cache cannot unlock",
        "the cache cannot lock",
    ]
