"""The store in memory, and what counts as a store."""

from __future__ import annotations

import pickle

import pytest

from pegboard_datasets import InvalidKey, LocalStore, MemoryStore, ObjectStore, Store


def test_values_are_written_read_measured_and_removed() -> None:
    """The four methods of a store."""
    store = MemoryStore()
    assert (store.get("a"), store.size("a"), store.delete("a")) == (None, None, False)
    store.put("a", b"123")
    assert (store.get("a"), store.size("a")) == (b"123", 3)
    assert (store.delete("a"), store.get("a")) == (True, None)


def test_hostile_keys_are_refused(hostiles) -> None:
    """What works in memory works in files."""
    store = MemoryStore()
    for use in (store.get, store.size, store.delete, lambda key: store.put(key, b"x")):
        for hostile in hostiles:
            with pytest.raises(InvalidKey):
                use(hostile)


def test_a_store_in_memory_is_not_copied() -> None:
    """A copy in another process would lose what is put there."""
    with pytest.raises(TypeError, match="one process"):
        pickle.dumps(MemoryStore())


def test_two_stores_in_memory_have_two_addresses() -> None:
    """So a reference finds its own."""
    assert MemoryStore().address != MemoryStore().address


@pytest.mark.parametrize("make", [LocalStore, lambda path: MemoryStore(), lambda path: ObjectStore("s3://b")])
def test_first_party_stores_are_stores(make, tmp_path) -> None:
    """All three have the methods of the protocol."""
    assert isinstance(make(tmp_path), Store)
