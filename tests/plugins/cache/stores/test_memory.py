"""The memory store."""

from __future__ import annotations

import threading

import pytest

from pegboard_cache import Entry
from pegboard_cache._store import Store, Unstorable
from pegboard_cache.stores.memory import MemoryStore


def entry(size):
    return Entry(b"x" * size, 0.0, None)


def test_is_a_store():
    """It has everything that the protocol asks for."""
    assert isinstance(MemoryStore(), Store)


def test_least_recently_used_goes_first():
    """At the limit the entry used longest ago goes, and reading counts as use."""
    store = MemoryStore(10_000)
    for name in "abc":
        store.put(name, entry(2500))
    store.get("a")
    store.put("d", entry(2500))
    assert [name for name in "abcd" if store.get(name)] == ["a", "c", "d"]
    assert store.usage().evicted == 1


def test_replacing_counts_once():
    """A replaced entry gives its bytes back."""
    store = MemoryStore(10_000)
    for _ in range(50):
        store.put("a", entry(5000))
    assert store.usage().entries == 1
    store.delete("a")
    assert (store.usage().entries, store.usage().bytes) == (0, 0)


def test_too_large():
    """What is larger than the store is refused, and the older value under that key is gone."""
    store = MemoryStore(10_000)
    store.put("a", entry(10))
    with pytest.raises(Unstorable, match="larger than the whole store"):
        store.put("a", entry(20_000))
    assert store.get("a") is None


def test_clear_by_prefix():
    """Only keys with the prefix go."""
    store = MemoryStore()
    for name in ("a:1", "a:2", "ab:1"):
        store.put(name, entry(1))
    assert store.clear("a:") == 2
    assert store.usage().entries == 1
    assert store.clear() == 1


def test_bound_under_threads():
    """Eight threads that write and read keep within the limit and never fail."""
    store = MemoryStore(1_000_000)

    def work(seed):
        for i in range(400):
            store.put(f"{seed}-{i % 50}", entry(1000 * (i % 40)))
            store.get(f"{(seed + 1) % 8}-{i % 50}")
            assert store.usage().bytes <= 1_000_000

    failures = []
    threads = [threading.Thread(target=guarded, args=(work, seed, failures)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    store.clear()
    assert store.usage().bytes == 0


def guarded(work, seed, failures):
    try:
        work(seed)
    except BaseException as error:  # noqa: BLE001 - told by the test
        failures.append(error)
