"""A store in a folder: a file for each value, and an index in SQLite."""

from __future__ import annotations

import os
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from pegboard_cache._frame import Damaged, pack, read_head, unpack
from pegboard_cache._index import Index
from pegboard_cache._records import Unreadable
from pegboard_cache._store import Entry, Unstorable, Usage

T = TypeVar("T")

BYTES_MOST = 1024**3
_TOUCHED_MOST = 512
_PARTIAL = "partial-"
_PARTIAL_SECONDS = 3600.0
_HEAD_BYTES = 65536
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)


class FileStore:
    """Keeps encoded values in a folder, for threads and processes, now and later.

    A file is named after a hash of its key, written under another name, synced and renamed: a reader finds the old
    value or the new one, whole. Reading asks the file alone; the index serves to make room and to clear.

    Args:
        root: The folder; made, with mode 0700, when the first value is kept.
        max_bytes: How much is kept; the least recently used files go first. None is 1 GiB.
    """

    blocking = True
    persistent = True

    def __init__(self, root: str, max_bytes: int | None = None) -> None:
        self.root = root
        self.max_bytes = BYTES_MOST if max_bytes is None else max_bytes
        self._values = Path(root, "values")
        self._guard = threading.RLock()
        self._index: Index | None = None
        self._pid = os.getpid()
        self._left_behind: list[Index] = []
        self._touched: dict[str, float] = {}
        self._evicted = 0
        self._damaged = 0

    def get(self, key: str) -> Entry | None:
        """Return the entry of `key`; a damaged file is counted, removed, and none."""
        name = _name(key)
        try:
            frame = _read(self._values / name)
        except FileNotFoundError:
            return None
        try:
            entry = unpack(_text(key), frame)
        except Unreadable:
            return None
        except Damaged:
            self._remove_damaged(name)
            return None
        self._touched[name] = time.time()
        if len(self._touched) > _TOUCHED_MOST:
            self._with_index(self._flush)
        return entry

    def put(self, key: str, entry: Entry) -> None:
        """Write an entry, and make room for it.

        Raises:
            Unstorable: The value would not come back as it is, or is larger than the whole store.
            OSError, sqlite3.Error: It cannot be written.
        """
        frame = pack(_text(key), entry)
        if len(frame) > self.max_bytes:
            raise Unstorable(
                f"a {type(entry.value).__name__} of {len(frame):,} bytes is larger than the whole store, which holds {self.max_bytes:,}"
            )
        self._with_index(lambda index: self._write(index, key, frame))

    def delete(self, key: str) -> bool:
        """Remove an entry; say whether there was one."""
        name = _name(key)
        if not (self._values / name).exists():
            return False
        self._with_index(lambda index: index.forget((name,)))
        return self._unlink((name,)) == 1

    def clear(self, prefix: str = "") -> int:
        """Remove every entry whose key begins with `prefix`; say how many."""
        if not self._values.exists():
            return 0
        return self._unlink(self._with_index(lambda index: index.forget_prefix(prefix)))

    def usage(self) -> Usage:
        """Count what is there."""
        entries, size = self._with_index(Index.count) if self._values.exists() else (0, 0)
        return Usage(entries, size, self._evicted, self._damaged)

    def close(self) -> None:
        """Close the index; it is opened again when it is needed."""
        with self._guard:
            if self._index is None or self._pid != os.getpid():
                return
            try:
                self._flush(self._index)
            except sqlite3.Error:
                pass  # only the order of use is lost
            finally:
                self._index.close()
                self._index = None

    def _write(self, index: Index, key: str, frame: bytes) -> None:
        name = _name(key)
        _write_whole(self._values, name, frame)
        touched, self._touched = self._touched, {}
        gone = index.put(name, _text(key), len(frame), time.time(), touched, self.max_bytes)
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

    def _remove_damaged(self, name: str) -> None:
        with self._guard:
            self._damaged += 1
        self._unlink((name,))
        self._with_index(lambda index: index.forget((name,)))

    def _with_index(self, use: Callable[[Index], T]) -> T:
        """Use the index; if it is damaged, or its folder was removed, once more with a new one."""
        with self._guard:
            try:
                return use(self._opened())
            except (sqlite3.DatabaseError, FileNotFoundError) as error:
                damaged = _is_damaged(error)
                if not damaged and not _is_lost(error):
                    raise
                self._abandon(remove=damaged)
                return use(self._opened())

    def _opened(self) -> Index:
        if self._pid != os.getpid():
            # SQLite must not even close a connection of the process that this one was forked from.
            if self._index is not None:
                self._left_behind.append(self._index)
            self._index, self._pid = None, os.getpid()
        if self._index is None:
            Path(self.root).mkdir(mode=0o700, parents=True, exist_ok=True)
            self._values.mkdir(mode=0o700, exist_ok=True)
            if self._values.is_symlink():
                raise OSError(f"{self._values} is a link, and values stay under {self.root}")
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
            if name.startswith(_PARTIAL):
                _remove_old(files[name])
            else:
                self._adopt(index, name)

    def _adopt(self, index: Index, name: str) -> None:
        path = self._values / name
        try:
            frame = _read(path, _HEAD_BYTES)
            state = path.stat()
            key = read_head(frame).key
        except FileNotFoundError:
            return
        except (Damaged, OSError):
            self._damaged += self._unlink((name,))
            return
        self._evicted += self._unlink(index.put(name, key, state.st_size, state.st_mtime, {}, self.max_bytes))


# SQLITE_ERROR: another schema. The second set: the file was removed or replaced while it was open.
_DAMAGED = frozenset((sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB))
_LOST = frozenset((sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN))


def _is_damaged(error: Exception) -> bool:
    """Whether the index can never be read again."""
    return _code(error) in _DAMAGED


def _is_lost(error: Exception) -> bool:
    """Whether the files that are open may no longer be those of the folder."""
    return isinstance(error, FileNotFoundError) or _code(error) in _LOST


def _code(error: Exception) -> int | None:
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF  # the rest tells a kind of the same error


def _name(key: str) -> str:
    return sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def _text(key: str) -> str:
    """The key as text that can be written down; lone surrogates are spelt out."""
    return key.encode("utf-8", "backslashreplace").decode()


def _read(path: Path, most: int = -1) -> bytes:
    with open(os.open(path, os.O_RDONLY | _NO_LINK), "rb") as file:  # noqa: PTH123 - a descriptor, so that no link is followed
        return file.read(most)


def _write_whole(folder: Path, name: str, data: bytes) -> None:
    """Write a file so that nobody ever sees a part of it; mode 0600."""
    descriptor, partial = tempfile.mkstemp(prefix=_PARTIAL, dir=folder)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, folder / name)  # noqa: PTH105 - a str beside a Path
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise


def _remove_old(file: os.DirEntry[str]) -> None:
    """Remove what a killed writer left; a writer that is at work keeps its file."""
    try:
        if time.time() - file.stat().st_mtime > _PARTIAL_SECONDS:
            Path(file.path).unlink()
    except FileNotFoundError:
        return
