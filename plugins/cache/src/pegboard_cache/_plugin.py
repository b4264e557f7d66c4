"""The plugin: where values are kept, and the layer around every task that asks for it."""

from __future__ import annotations

import os
import threading
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pegboard import Layer, hookimpl
from pegboard_cache._files import FileStore
from pegboard_cache._identity import identity_of
from pegboard_cache._key import keys_of, prefix_of
from pegboard_cache._layer import CachedCalls
from pegboard_cache._memory import MemoryStore
from pegboard_cache._opening import checked_store
from pegboard_cache._option import Cache
from pegboard_cache._report import Report, Stats
from pegboard_cache._shelf import Shelf
from pegboard_cache._store import Store, Usage

if TYPE_CHECKING:
    from pegboard import Session, Task


class Caching:
    """Keeps what tasks with a `Cache` return, and answers equal calls with it.

    One instance may serve several sessions, one after another or at once, and they share its values.

    Args:
        store: None keeps objects in this process's memory; a path keeps encoded values in a folder, for all
            processes; or a `Store`. Nothing is created before the first value.
        max_bytes: How much is kept in memory (128 MB, when None) or in each folder (1 GiB); the values used least
            recently go first. A `Store` has a limit of its own.

    Raises:
        ConfigError: `store` is a URL, or no folder.
    """

    name = "cache"

    def __init__(
        self, store: str | os.PathLike[str] | Store | None = None, *, max_bytes: int | None = None
    ) -> None:
        if max_bytes is not None and (type(max_bytes) is not int or max_bytes <= 0):
            raise ValueError(f"max_bytes is a positive whole number, or None, not {max_bytes!r}.")
        self._max_bytes = max_bytes
        self._guard = threading.RLock()
        self._folders: dict[str, FileStore] = {}
        self._others: dict[int, Store] = {}
        self._report = Report()
        self._sessions: list[Session] = []
        self._uses = 0
        given = checked_store(store)
        self._store = self._memory() if given is None else self._opened(given)

    @hookimpl
    def session_start(self, session: Session) -> None:
        """Remember the session, for its default options."""
        with self._guard:
            self._sessions.append(session)
            self._uses += 1

    @hookimpl
    def session_end(self, session: Session) -> None:
        """Close the files when nobody uses them any more; they are opened again when needed."""
        with self._guard:
            self._sessions.remove(session)
        self._release()

    @hookimpl
    def bind(self, session: Session, task: Task[..., Any]) -> Layer | None:
        """Put a layer around a task that has a `Cache` with a ttl other than 0."""
        option = task.option(Cache)
        if option is None or option.ttl == 0:
            return None
        store = self._store_of(option)
        shelf = Shelf(store, _place(store), task, option.ttl, session.clock.time, self._report)
        if store.persistent and not identity_of(task.__wrapped__).portable:
            self._report.warn_once(
                f"portable {task.name}",
                f"task {task.name!r} is made of something that cannot be told apart in another process, such as a "
                f"closure over a client or a lock.\nIts values are found by this process only.",
            )
        return CachedCalls(task.name, keys_of(task, option), shelf, self._report).layer()

    def stats(self) -> Stats:
        """Count hits, misses and what the stores hold."""
        with self._open():
            usages = [self._usage(store) for store in self._stores()]
        return Stats(
            **self._report.counts(),
            entries=sum(usage.entries for usage in usages),
            bytes=sum(usage.bytes for usage in usages),
            evicted=sum(usage.evicted for usage in usages),
            damaged=sum(usage.damaged for usage in usages),
        )

    def clear(self, task: Task[..., Any] | None = None) -> int:
        """Forget every value, or every value of one task, whatever its inputs, code and version.

        Returns:
            How many there were. A task's values are removed from the store that it uses now.
        """
        with self._open():
            if task is None:
                return sum(store.clear() for store in self._stores())
            return self._store_of(self._option_of(task)).clear(prefix_of(task))

    def invalidate(self, task: Task[..., Any], *args: Any, **kwargs: Any) -> bool:
        """Forget the value of one call, given as the call itself would be; say whether there was one.

        Raises:
            TypeError: The arguments do not fit the task, or cannot be turned into a key.
        """
        owner = getattr(task, "__self__", None)  # a task as the attribute of an object
        if owner is not None:
            args = (owner, *args)
        task.signature.bind(*args, **kwargs)
        option = self._option_of(task)
        with self._open():
            return self._store_of(option).delete(keys_of(task, option)(args, kwargs))

    def _usage(self, store: Store) -> Usage:
        try:
            return store.usage()
        except Exception as error:  # noqa: BLE001 - a store that fails holds nothing that could be used
            self._report.failed("count", store, error)
            return Usage(0, 0)

    def _option_of(self, task: Task[..., Any]) -> Cache:
        own = task.option(Cache)
        if own is not None:
            return own
        defaults = [option for session in self._sessions for option in session.defaults]
        for option in defaults:
            if isinstance(option, Cache):
                return option
        raise ValueError(
            f"task {task.name!r} has no Cache option, and no session has one by default, so nothing of it is cached.\n"
            f"Give it one: @task(Cache(ttl=3600))."
        )

    def _store_of(self, option: Cache) -> Store:
        given = checked_store(option.store)
        return self._store if given is None else self._opened(given)

    def _memory(self) -> MemoryStore:
        return MemoryStore() if self._max_bytes is None else MemoryStore(self._max_bytes)

    def _opened(self, given: Path | Store) -> Store:
        with self._guard:
            if not isinstance(given, Path):
                return self._others.setdefault(id(given), given)
            root = os.path.realpath(given)
            if root not in self._folders:
                self._folders[root] = FileStore(root, self._max_bytes)
            return self._folders[root]

    def _stores(self) -> list[Store]:
        with self._guard:
            found = [self._store, *self._folders.values(), *self._others.values()]
        return list({id(store): store for store in found}.values())

    @contextmanager
    def _open(self) -> Iterator[None]:
        with self._guard:
            self._uses += 1
        try:
            yield
        finally:
            self._release()

    def _release(self) -> None:
        with self._guard:
            self._uses -= 1
            closing = [] if self._uses else list(self._folders.values())
        for store in closing:
            store.close()


def _place(store: Store) -> Hashable:
    """What says whether two stores hold the same entries."""
    return store.root if isinstance(store, FileStore) else id(store)
