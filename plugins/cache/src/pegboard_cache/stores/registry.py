"""The stores of one plugin: each made once, and closed when nobody uses them."""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pegboard import ConfigError, texts
from pegboard.parts import new_rlock
from pegboard_cache._store import Store
from pegboard_cache.stores.encoded import EncodedStore
from pegboard_cache.stores.files import FileStore
from pegboard_cache.stores.memory import MemoryStore
from pegboard_cache.stores.opening import Address, Given, checked_store


class StoreRegistry:
    """Opens stores by path, URL or instance, the same one for the same.

    Args:
        given: The main store, as `Caching` was given it.
        max_bytes: How much is kept in memory, or in each folder.
        pickle_key: For the stores that are opened here.

    Attributes:
        main: The store of tasks that name none.
    """

    def __init__(self, given: Given, max_bytes: int | None, pickle_key: bytes | None) -> None:
        self._max_bytes = max_bytes
        self._pickle_key = pickle_key
        self._guard = new_rlock()
        self._opened: dict[Hashable, EncodedStore] = {}
        self._others: dict[int, Store] = {}
        self._uses = 0
        checked = checked_store(given)
        if max_bytes is not None and not (checked is None or isinstance(checked, Path)):
            raise ConfigError(
                "max_bytes limits memory and folders, and store is neither: the limit would be ignored.\n"
                "A server and a bucket have limits of their own.",
                where="cache",
                key="max_bytes",
            )
        if pickle_key is not None and isinstance(checked, Store):
            raise ConfigError(
                f"pickle_key is for stores that the plugin makes, and store is {texts.a(type(checked).__name__)}: the key would be "
                f"ignored.\nGive it to the store itself.",
                where="cache",
                key="pickle_key",
            )
        self.main = self._memory() if checked is None else self.open(given)

    def open(self, given: Given) -> Store:
        """Return the store for what a user gave; None is the main one."""
        checked = checked_store(given)
        if checked is None:
            return self.main
        with self._guard:
            if isinstance(checked, Path):
                root = os.path.realpath(checked)
                if root not in self._opened:
                    self._opened[root] = FileStore(root, self._max_bytes, self._pickle_key)
                return self._opened[root]
            if isinstance(checked, Address):
                place = checked.target if isinstance(checked.target, str) else id(checked.target)
                if place not in self._opened:
                    self._opened[place] = checked.open(self._pickle_key)
                return self._opened[place]
            return self._others.setdefault(id(checked), checked)

    def all(self) -> list[Store]:
        """Every store that was opened, each once."""
        with self._guard:
            found = [self.main, *self._opened.values(), *self._others.values()]
        return list({id(store): store for store in found}.values())

    def acquire(self) -> None:
        """Keep files and connections open until `release`."""
        with self._guard:
            self._uses += 1

    def release(self) -> None:
        """Close files and connections, unless others use them; they are opened again when they are needed."""
        with self._guard:
            self._uses -= 1
            closing = [] if self._uses else self.all()
        for store in closing:
            if isinstance(store, EncodedStore):
                store.close()

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Keep files and connections open inside."""
        self.acquire()
        try:
            yield
        finally:
            self.release()

    def _memory(self) -> MemoryStore:
        return MemoryStore() if self._max_bytes is None else MemoryStore(self._max_bytes)


def place_of(store: Store) -> Hashable:
    """What says whether two stores hold the same entries."""
    return store.place if isinstance(store, EncodedStore) else id(store)
