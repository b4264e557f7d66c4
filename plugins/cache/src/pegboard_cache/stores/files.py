"""A store in a folder: a file for each value, and an index in SQLite."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from pegboard.parts import after_fork, new_held_rlock
from pegboard_cache._store import Unstorable, Usage
from pegboard_cache.locks.file_lease import FileLease, take
from pegboard_cache.stores.breaker import CircuitBreaker
from pegboard_cache.stores.encoded import EncodedStore, as_text
from pegboard_cache.stores.folder import make_folder, name_of, read_file, remove, write_whole
from pegboard_cache.stores.index import Row
from pegboard_cache.stores.index_keeper import IndexKeeper

BYTES_MOST = 1024**3


class FileStore(EncodedStore):
    """Keeps encoded values in a folder, for threads and processes, now and later.

    A file is named after a hash of its key, written under another name, synced and renamed: a reader finds the old
    value or the new one, whole. Reading asks the file alone; the index serves to make room and to clear.

    Args:
        root: The folder; made, with mode 0700, when the first value is kept.
        max_bytes: How much is kept; the least recently used files go first. None is 1 GiB.
        pickle_key: Signs pickles of values that cannot be kept otherwise; None refuses those values.
    """

    def __init__(self, root: str, max_bytes: int | None = None, pickle_key: bytes | None = None) -> None:
        super().__init__(root, pickle_key)
        self._guard = new_held_rlock()  # SQLite's own locks would stay taken in a child
        self.root = root
        self.max_bytes = BYTES_MOST if max_bytes is None else max_bytes
        self._values = Path(root, "values")
        self._index = self._new_index()
        self._left_behind: list[IndexKeeper] = []
        self._evicted = 0
        self._guarded = CircuitBreaker().call
        after_fork(self._leave_index_behind)

    def _new_index(self) -> IndexKeeper:
        return IndexKeeper(Path(self.root), self.max_bytes, self._count_damaged)

    def read(self, key: str) -> bytes | None:
        """Return the bytes kept for `key`, if any."""
        name = name_of(key)
        try:
            frame = read_file(self._values / name)
        except FileNotFoundError:
            return None
        if self._index.touch(name):
            with self._guard:
                self._index.flush()
        return frame

    def write(self, key: str, frame: bytes, ttl: float | None) -> None:  # noqa: ARG002 - room is made by use, not by age
        """Write a file, and make room for it; another process that holds the index is not waited for.

        Raises:
            Unstorable: It is larger than the whole store.
            OSError, sqlite3.Error: It cannot be written, or no room be made.
        """
        if len(frame) > self.max_bytes:
            raise Unstorable(
                f"its {len(frame):,} bytes are more than the whole store, which holds {self.max_bytes:,}"
            )
        self._guarded(self._write, key, frame)

    def lease(self, key: str) -> FileLease | None:
        """Become the one process that computes `key`; None while another one is. Freed when the process ends."""
        return take(make_folder(Path(self.root), "locks") / name_of(key))

    def delete(self, key: str) -> bool:
        """Remove an entry; say whether there was one."""
        name = name_of(key)
        was_there = remove(self._values / name)
        if was_there:
            with self._guard:
                self._index.note(name, None)
        return was_there

    def clear(self, prefix: str = "") -> int:
        """Remove every entry whose key begins with `prefix`; say how many."""
        if not self._values.exists():
            return 0
        with self._guard:
            names = self._index.forget_prefix(as_text(prefix))
            return self._remove(names)

    def usage(self) -> Usage:
        """Count what is there."""
        with self._guard:
            self._make_room()
            entries, size = self._index.count() if self._values.exists() else (0, 0)
        return Usage(entries, size, self._evicted, self._damaged)

    def close(self) -> None:
        """Close the index; it is opened again when it is needed."""
        with self._guard:
            if self._index.is_open:
                self._make_room()
                self._index.close()

    def _write(self, key: str, frame: bytes) -> None:
        name = name_of(key)
        write_whole(make_folder(Path(self.root), "values"), name, frame)
        with self._guard:
            self._index.note(name, Row(as_text(key), len(frame), time.time()))
            self._evicted += self._remove(self._index.settle())

    def _make_room(self) -> None:
        """Do what a write could not do, as another process held the index."""
        try:
            self._evicted += self._remove(self._index.settle())
        except Exception:  # noqa: BLE001 - told by the next write
            return

    def _remove(self, names: Iterable[str]) -> int:
        return sum(remove(self._values / name) for name in names)

    def _leave_index_behind(self) -> None:
        """In a forked child: SQLite must not even close a connection of the process that this one was forked from."""
        self._guard = new_held_rlock()
        self._left_behind.append(self._index)
        self._index = self._new_index()
