"""A store in a folder: a file for each value, and an index in SQLite."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from pegboard.parts import after_fork, new_held_rlock
from pegboard_cache._store import Unstorable, Usage
from pegboard_cache.codec.frame import Damaged, read_head
from pegboard_cache.locks.file_lease import FileLease, take
from pegboard_cache.stores.encoded import EncodedStore, as_text
from pegboard_cache.stores.folder import PARTIAL, make_folder, name_of, read_file, remove_old, write_whole
from pegboard_cache.stores.index import Index, is_damaged, is_lost

T = TypeVar("T")

BYTES_MOST = 1024**3
_TOUCHED_MOST = 512
_HEAD_BYTES = 65536


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
        self._index: Index | None = None
        self._left_behind: list[Index] = []
        self._touched: dict[str, float] = {}
        self._evicted = 0
        after_fork(self._leave_index_behind)

    def read(self, key: str) -> bytes | None:
        """Return the bytes kept for `key`, if any."""
        name = name_of(key)
        try:
            frame = read_file(self._values / name)
        except FileNotFoundError:
            return None
        self._touched[name] = time.time()
        if len(self._touched) > _TOUCHED_MOST:
            self._with_index(self._flush)
        return frame

    def write(self, key: str, frame: bytes, ttl: float | None) -> None:  # noqa: ARG002 - room is made by use, not by age
        """Write a file, and make room for it.

        Raises:
            Unstorable: It is larger than the whole store.
            OSError, sqlite3.Error: It cannot be written.
        """
        if len(frame) > self.max_bytes:
            raise Unstorable(
                f"its {len(frame):,} bytes are more than the whole store, which holds {self.max_bytes:,}"
            )
        self._with_index(lambda index: self._write(index, key, frame))

    def lease(self, key: str) -> FileLease | None:
        """Become the one process that computes `key`; None while another one is. Freed when the process ends."""
        return take(make_folder(Path(self.root), "locks") / name_of(key))

    def delete(self, key: str) -> bool:
        """Remove an entry; say whether there was one."""
        name = name_of(key)
        if not (self._values / name).exists():
            return False
        self._with_index(lambda index: index.forget((name,)))
        return self._unlink((name,)) == 1

    def clear(self, prefix: str = "") -> int:
        """Remove every entry whose key begins with `prefix`; say how many."""
        if not self._values.exists():
            return 0
        return self._unlink(self._with_index(lambda index: index.forget_prefix(as_text(prefix))))

    def usage(self) -> Usage:
        """Count what is there."""
        entries, size = self._with_index(Index.count) if self._values.exists() else (0, 0)
        return Usage(entries, size, self._evicted, self._damaged)

    def close(self) -> None:
        """Close the index; it is opened again when it is needed."""
        with self._guard:
            if self._index is None:
                return
            try:
                self._flush(self._index)
            except sqlite3.Error:
                pass  # only the order of use is lost
            finally:
                self._index.close()
                self._index = None

    def _write(self, index: Index, key: str, frame: bytes) -> None:
        name = name_of(key)
        write_whole(self._values, name, frame)
        touched, self._touched = self._touched, {}
        gone = index.put(name, as_text(key), len(frame), time.time(), touched, self.max_bytes)
        self._evicted += self._unlink(gone)

    def _flush(self, index: Index) -> None:
        touched, self._touched = self._touched, {}
        index.touch(touched)

    def _unlink(self, names: Iterable[str]) -> int:
        count = 0
        for name in names:
            try:
                (self._values / name).unlink()
            except FileNotFoundError:  # another process was first
                continue
            count += 1
        return count

    def _with_index(self, use: Callable[[Index], T]) -> T:
        """Use the index; if it is damaged, or its folder was removed, once more with a new one."""
        with self._guard:
            try:
                return use(self._opened())
            except (sqlite3.DatabaseError, FileNotFoundError) as error:
                damaged = is_damaged(error)
                if not damaged and not is_lost(error):
                    raise
                self._abandon(remove=damaged)
                return use(self._opened())

    def _leave_index_behind(self) -> None:
        """In a forked child: SQLite must not even close a connection of the process that this one was forked from."""
        self._guard = new_held_rlock()
        if self._index is not None:
            self._left_behind.append(self._index)
            self._index = None

    def _opened(self) -> Index:
        if self._index is None:
            make_folder(Path(self.root), "values")
            index = Index(Path(self.root, "index.sqlite"))
            try:
                self._reconcile(index)
            except BaseException:
                index.close()
                raise
            self._index = index
        return self._index

    def _abandon(self, *, remove: bool) -> None:
        if self._index is not None:
            self._index.close()
            self._index = None
        if not remove:
            return
        for suffix in ("", "-wal", "-shm"):
            Path(self.root, f"index.sqlite{suffix}").unlink(missing_ok=True)

    def _reconcile(self, index: Index) -> None:
        """Bring the index in line with the files, after a crash or a loss."""
        files = {file.name: file for file in os.scandir(self._values)}
        known = index.names()
        index.forget(known - files.keys())
        for name in files.keys() - known:
            if name.startswith(PARTIAL):
                remove_old(files[name])
            else:
                self._adopt(index, name)

    def _adopt(self, index: Index, name: str) -> None:
        path = self._values / name
        try:
            frame = read_file(path, _HEAD_BYTES)
            state = path.stat()
            key = read_head(frame).key
        except FileNotFoundError:
            return
        except (Damaged, OSError):
            self._count_damaged(self._unlink((name,)))
            return
        self._evicted += self._unlink(index.put(name, key, state.st_size, state.st_mtime, {}, self.max_bytes))
