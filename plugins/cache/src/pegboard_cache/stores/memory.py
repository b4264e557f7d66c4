"""A store in this process's memory that forgets what was not used for the longest time."""

from __future__ import annotations

from collections import OrderedDict

from pegboard import texts
from pegboard.parts import new_rlock
from pegboard_cache._store import Entry, Unstorable, Usage
from pegboard_cache.codec.size import estimate

BYTES_MOST = 128 * 1024 * 1024
_OVERHEAD = 400  # what an entry costs beside its value: the key, the records, their places in two tables


class MemoryStore:
    """Keeps the objects themselves: a hit is the very object that was stored.

    Nothing is copied, so a caller that changes a value it was given changes it for everybody. Sizes are estimates.

    Args:
        max_bytes: How much is kept; the least recently used entries go first.
    """

    blocking = False
    persistent = False

    def __init__(self, max_bytes: int = BYTES_MOST) -> None:
        self.max_bytes = max_bytes
        self._guard = new_rlock()  # the collector may run any code while it is held
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._sizes: dict[str, int] = {}
        self._bytes = 0
        self._evicted = 0

    def get(self, key: str) -> Entry | None:
        """Return the entry of `key`, now the most recently used."""
        with self._guard:
            entry = self._entries.get(key)
            if entry is not None:
                self._entries.move_to_end(key)
            return entry

    def put(self, key: str, entry: Entry) -> None:
        """Keep an entry, and make room for it.

        Raises:
            Unstorable: It is larger than the whole store.
        """
        size = estimate(entry.value) + len(key) + _OVERHEAD
        if size > self.max_bytes:
            self.delete(key)
            raise Unstorable(
                f"{texts.a(type(entry.value).__name__)} of about {size:,} bytes is larger than the whole store, which holds {self.max_bytes:,}"
            )
        with self._guard:
            self._drop(key)
            self._entries[key] = entry
            self._sizes[key] = size
            self._bytes += size
            while self._bytes > self.max_bytes:
                self._drop(next(iter(self._entries)))
                self._evicted += 1

    def delete(self, key: str) -> bool:
        """Remove an entry; say whether there was one."""
        with self._guard:
            return self._drop(key)

    def clear(self, prefix: str = "") -> int:
        """Remove every entry whose key begins with `prefix`; say how many."""
        with self._guard:
            gone = [key for key in self._entries if key.startswith(prefix)]
            for key in gone:
                self._drop(key)
            return len(gone)

    def usage(self) -> Usage:
        """Count what is there."""
        with self._guard:
            return Usage(len(self._entries), self._bytes, self._evicted)

    def _drop(self, key: str) -> bool:
        if self._entries.pop(key, None) is None:
            return False
        self._bytes -= self._sizes.pop(key)
        return True
