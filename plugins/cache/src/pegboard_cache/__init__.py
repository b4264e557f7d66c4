"""Keeps what a task returned, and answers the next equal call with it."""

from __future__ import annotations

from pegboard_cache._option import Cache
from pegboard_cache._plugin import Caching
from pegboard_cache._report import Stats
from pegboard_cache._store import Entry, Store, Unstorable, Usage
from pegboard_cache.stores.files import FileStore
from pegboard_cache.stores.memory import MemoryStore
from pegboard_cache.stores.objects import ObjectStore
from pegboard_cache.stores.redis import RedisStore

__all__ = [
    "Cache",
    "Caching",
    "Entry",
    "FileStore",
    "MemoryStore",
    "ObjectStore",
    "RedisStore",
    "Stats",
    "Store",
    "Unstorable",
    "Usage",
]
