"""The plugin: where values are kept, and the layer around every task that asks for it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from pegboard import ConfigError, Layer, UnsupportedTask, hookimpl, texts
from pegboard.parts import checks, new_rlock
from pegboard.parts.event_loop import running_loop
from pegboard_cache._layer import CachedCalls
from pegboard_cache._option import Cache
from pegboard_cache._report import Report, Stats
from pegboard_cache._store import Store, Usage
from pegboard_cache._values import TaskValues
from pegboard_cache.codec.signed_pickles import PickleSigner
from pegboard_cache.keys.identity import identity_of
from pegboard_cache.keys.key import keys_of, prefix_of
from pegboard_cache.stores.files import FileStore
from pegboard_cache.stores.memory import MemoryStore
from pegboard_cache.stores.registry import StoreRegistry, place_of

if TYPE_CHECKING:
    from pegboard import Session, Task
    from pegboard_cache.locks.process_lock import LeaseOf

T = TypeVar("T")
_MAX_BYTES = checks.whole(least=1, type_error=ValueError).or_none("the default of the store")


class Caching:
    """Keeps what tasks with a `Cache` return, and answers equal calls with it.

    One instance may serve several sessions, one after another or at once, and they share its values.

    Args:
        store: None keeps objects in this process's memory. A path keeps encoded values in a folder, for all
            processes; `redis://host/0` on a Redis server; `s3://bucket/prefix`, `gs://`, `az://`, or a store of
            `obstore.store`, as objects. Or any `Store`. Nothing is created before the first value.
        max_bytes: How much is kept in memory (128 MB, when None) or in each folder (1 GiB); the values used least
            recently go first. Other stores have a limit of their own.
        pickle_key: At least 16 secret bytes, kept outside of the store. With it, values that cannot be kept otherwise
            are pickled and signed, and a pickle is read only when its signature fits. None writes and reads none.

    Raises:
        ConfigError: `store` is a URL of another kind, or no folder, or its package is not installed; or a setting
            would be ignored with this store.
    """

    name = "cache"

    def __init__(
        self,
        store: str | os.PathLike[str] | Store | Any = None,
        *,
        max_bytes: int | None = None,
        pickle_key: bytes | None = None,
    ) -> None:
        _MAX_BYTES.check("max_bytes", max_bytes, owner="Caching")
        if pickle_key is not None:
            PickleSigner(pickle_key)  # refused here, and not when the first folder is opened
        self._guard = new_rlock()
        self._report = Report()
        self._sessions: list[Session] = []
        self._stores = StoreRegistry(store, max_bytes, pickle_key)
        self._address = os.fspath(store) if isinstance(store, str | os.PathLike) else None
        self._limits = {"max_bytes": max_bytes, "pickle_key": pickle_key}

    def worker_settings(self) -> dict[str, Any] | None:
        """Have workers use the same store, where it has an address; one in memory, or made by hand, stays here."""
        return None if self._address is None else {"store": self._address, **self._limits}

    @hookimpl
    def session_start(self, session: Session) -> None:
        """Remember the session, for its default options."""
        with self._guard:
            self._sessions.append(session)
        self._stores.acquire()

    @hookimpl
    def session_forked(self) -> None:
        """Count anew; what is kept in memory is at hand in the child, too, and files and connections are opened anew."""
        self._report.begin_anew()

    @hookimpl
    def session_end(self, session: Session) -> None:
        """Close files and connections when nobody uses them any more; they are opened again when needed."""
        with self._guard:
            self._sessions.remove(session)
        self._stores.release()

    @hookimpl
    def bind(self, session: Session, task: Task[..., Any]) -> Layer | None:
        """Put a layer around a task that has a `Cache` with a ttl other than 0."""
        option = task.option(Cache)
        if option is None or option.ttl == 0:
            return None
        store = self._stores.open(option.store)
        lease = _leases_of(store, task) if option.lock else None
        values = TaskValues(store, place_of(store), task, option.ttl, session, self._report)
        if store.persistent and not identity_of(task.__wrapped__).portable:
            self._report.warn_once(
                f"portable {task.name}",
                f"task {task.name!r} is made of something that cannot be told apart in another process, such as a "
                f"closure over a client or a lock.\nIts values are found by this process only.",
            )
        _show_zeros(session, task.name)
        return CachedCalls(
            task.name, keys_of(task, option.key, option.version), values, self._report, lease
        ).layer()

    def stats(self) -> Stats:
        """Count hits, misses and what the stores hold."""
        with self._stores.in_use():
            usages = [self._usage(store) for store in self._stores.all()]
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
        with self._stores.in_use():
            if task is None:
                return sum(store.clear() for store in self._stores.all())
            return self._stores.open(self._option_of(task).store).clear(prefix_of(task))

    def invalidate(self, task: Task[..., Any], *args: Any, **kwargs: Any) -> bool:
        """Forget the value of one call, given as the call itself would be; say whether there was one.

        Raises:
            TypeError: The arguments do not fit the task, or cannot be turned into a key.
        """
        option = self._option_of(task)
        owner = getattr(task, "__self__", None)  # a task as the attribute of an object
        if owner is not None:
            args = (owner, *args)
        task.signature.bind(*args, **kwargs)
        with self._stores.in_use():
            return self._stores.open(option.store).delete(
                keys_of(task, option.key, option.version)(args, kwargs)
            )

    async def astats(self) -> Stats:
        """Do what `stats` does, in a thread."""
        return await _in_thread(self.stats)

    async def aclear(self, task: Task[..., Any] | None = None) -> int:
        """Do what `clear` does, in a thread."""
        return await _in_thread(self.clear, task)

    async def ainvalidate(self, task: Task[..., Any], *args: Any, **kwargs: Any) -> bool:
        """Do what `invalidate` does, in a thread."""
        return await _in_thread(self.invalidate, task, *args, **kwargs)

    def _usage(self, store: Store) -> Usage:
        try:
            return store.usage()
        except Exception as error:  # noqa: BLE001 - a store that fails holds nothing that could be used
            self._report.failed("count", store, error)
            return Usage(0, 0)

    def _option_of(self, task: Task[..., Any]) -> Cache:
        if not hasattr(task, "option"):  # a task, or one as the attribute of an object
            raise TypeError(
                f"values are forgotten by task, and this is of type {type(task).__name__}.\n"
                f"Give the decorated function itself: session[Caching].clear(fetch)."
            )
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


async def _in_thread(function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    import asyncio

    running_loop()
    return await asyncio.to_thread(function, *args, **kwargs)


def _leases_of(store: Store, task: Task[..., Any]) -> LeaseOf | None:
    """How a task with `Cache(lock=True)` gets its leases; None for memory, which no other process sees.

    Raises:
        ConfigError: The store has none.
        UnsupportedTask: The task is a generator.
    """
    if "generator" in task.kind:
        raise UnsupportedTask(
            f"task {task.name!r} is {texts.a(task.kind)} with Cache(lock=True), and streams do not wait for each other: "
            f"their consumer sets the pace.\nLeave lock away, or collect the items in a function.",
            plugin="cache",
            task=task.name,
            kind=task.kind,
        )
    if isinstance(store, MemoryStore):
        return None
    lease: LeaseOf | None = getattr(store, "lease", None)
    if lease is None:
        raise ConfigError(
            f"task {task.name!r} has Cache(lock=True), and its store has no locks that processes could share: {type(store).__name__}.\n"
            f"Use a folder or a Redis server, or leave lock away: calls of one process share one run in any case.",
            where="cache",
            key="lock",
        )
    if isinstance(store, FileStore) and not _has_file_locks():
        raise ConfigError(
            f"task {task.name!r} has Cache(lock=True), and this system has no POSIX file locks.\nUse a Redis server.",
            where="cache",
            key="lock",
        )
    return lease


def _has_file_locks() -> bool:
    try:
        import fcntl  # noqa: F401
    except ImportError:  # as on Windows
        return False
    return True


def _show_zeros(session: Session, task: str) -> None:
    """Show that nothing was looked up so far where somebody measures, so that the first time is a change."""
    lookups = session.measure(
        "counter",
        "pegboard_cache_lookups",
        "Lookups of stored results, by whether one was found.",
        ("pegboard_task_name", "pegboard_cache_result"),
    )
    for result in ("hit", "miss"):
        lookups.labels(pegboard_task_name=task, pegboard_cache_result=result)
