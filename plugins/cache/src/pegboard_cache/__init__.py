"""Keeps what a task returned, and answers the next equal call with it."""

from __future__ import annotations

from pegboard_cache._option import Cache
from pegboard_cache._plugin import Caching
from pegboard_cache._store import Entry, Store

__all__ = ["Cache", "Caching", "Entry", "Store"]
