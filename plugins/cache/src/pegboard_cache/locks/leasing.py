"""What a task with `Cache(lock=True)` gets its leases from."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from pegboard import ConfigError, UnsupportedTask
from pegboard_cache.stores.files import FileStore
from pegboard_cache.stores.memory import MemoryStore

if TYPE_CHECKING:
    from pegboard import Task
    from pegboard_cache._store import Store


class Lease(Protocol):
    """The right to compute one key, until it is released or its process ends."""

    def release(self) -> None:
        """Let the next process in."""


LeaseOf = Callable[[str], Lease | None]


def leases_of(store: Store, task: Task[..., Any]) -> LeaseOf | None:
    """How a task with `Cache(lock=True)` gets its leases; None for memory, which no other process sees.

    Raises:
        ConfigError: The store has none.
        UnsupportedTask: The task is a generator.
    """
    if "generator" in task.kind:
        raise UnsupportedTask(
            f"task {task.name!r} is a {task.kind} with Cache(lock=True), and streams do not wait for each other: "
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
    if isinstance(store, FileStore) and importlib.util.find_spec("fcntl") is None:
        raise ConfigError(
            f"task {task.name!r} has Cache(lock=True), and this system has no POSIX file locks.\nUse a Redis server.",
            where="cache",
            key="lock",
        )
    return lease
