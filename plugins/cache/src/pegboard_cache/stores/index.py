"""The index of a folder store: what is there, how large, and what was used last. In SQLite, for several processes.

It decides nothing about a hit. If it is damaged or lost, it is made anew from the files.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pegboard_cache.stores.folder import NO_LINK

_SCHEMA = """
    CREATE TABLE IF NOT EXISTS entries (
        name TEXT PRIMARY KEY, key TEXT NOT NULL, size INTEGER NOT NULL, used REAL NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS by_use ON entries (used);
    CREATE TABLE IF NOT EXISTS total (bytes INTEGER NOT NULL);
    INSERT INTO total SELECT 0 WHERE NOT EXISTS (SELECT * FROM total);
    CREATE TRIGGER IF NOT EXISTS added AFTER INSERT ON entries
        BEGIN UPDATE total SET bytes = bytes + NEW.size; END;
    CREATE TRIGGER IF NOT EXISTS changed AFTER UPDATE OF size ON entries
        BEGIN UPDATE total SET bytes = bytes + NEW.size - OLD.size; END;
    CREATE TRIGGER IF NOT EXISTS removed AFTER DELETE ON entries
        BEGIN UPDATE total SET bytes = bytes - OLD.size; END;
"""
_BUSY_SECONDS = 5.0
_AGAIN_SECONDS = 0.005
_BATCH = 64


class Index:
    """A connection to the index of one folder; used by one thread at a time.

    Args:
        path: The database; made, with mode 0600, if it is not there.
    """

    def __init__(self, path: Path) -> None:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | NO_LINK, 0o600))
        self._db = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            self._write_ahead()
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.executescript(_SCHEMA)
        except BaseException:
            self._db.close()
            raise

    def _write_ahead(self) -> None:
        """Switch to write-ahead logging, for which SQLite does not wait while another process opens the file too."""
        until = time.monotonic() + _BUSY_SECONDS
        while True:
            try:
                self._db.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError:
                if time.monotonic() > until:
                    raise
                time.sleep(_AGAIN_SECONDS)
            else:
                return

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def names(self) -> set[str]:
        """Return the file names of all entries."""
        return {name for (name,) in self._db.execute("SELECT name FROM entries")}

    def put(
        self, name: str, key: str, size: int, used: float, touched: Mapping[str, float], most: int
    ) -> list[str]:
        """Note an entry, and which others were used when; forget what is too much.

        Returns:
            The names of the forgotten entries, the least recently used ones.
        """
        with self._transaction():
            self.touch(touched)
            self._db.execute(
                "INSERT INTO entries VALUES (?, ?, ?, ?) ON CONFLICT (name) "
                "DO UPDATE SET key = excluded.key, size = excluded.size, used = excluded.used",
                (name, key, size, used),
            )
            return list(self._forget_oldest(most, name))

    def touch(self, touched: Mapping[str, float]) -> None:
        """Note when entries were used last."""
        self._db.executemany(
            "UPDATE entries SET used = ? WHERE name = ?", [(used, name) for name, used in touched.items()]
        )

    def forget(self, names: Iterable[str]) -> None:
        """Forget entries."""
        self._db.executemany("DELETE FROM entries WHERE name = ?", [(name,) for name in names])

    def forget_prefix(self, prefix: str) -> list[str]:
        """Forget the entries whose key begins with `prefix`, and return their names."""
        with self._transaction():
            start = prefix.encode()  # as bytes: SQLite ends a text at its first NUL
            found = self._db.execute(
                "SELECT name FROM entries WHERE substr(CAST(key AS BLOB), 1, ?) = ?", (len(start), start)
            )
            names = [name for (name,) in found]
            self.forget(names)
            return names

    def count(self) -> tuple[int, int]:
        """Count entries and their bytes."""
        (entries,) = self._db.execute("SELECT COUNT(*) FROM entries").fetchone()
        return entries, self._bytes()

    def _bytes(self) -> int:
        (total,) = self._db.execute("SELECT bytes FROM total").fetchone()
        return int(total)

    def _forget_oldest(self, most: int, keep: str) -> Iterator[str]:
        while self._bytes() > most:
            found = self._db.execute(
                "SELECT name, size FROM entries WHERE name <> ? ORDER BY used LIMIT ?", (keep, _BATCH)
            ).fetchall()
            if not found:
                return
            excess = self._bytes() - most
            for name, size in found:
                if excess <= 0:
                    break
                self.forget((name,))
                excess -= size
                yield name

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")


# SQLITE_ERROR: another schema. The second set: the file was removed or replaced while it was open.
_DAMAGED = frozenset((sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB))
_LOST = frozenset((sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN))


def is_damaged(error: Exception) -> bool:
    """Whether the index can never be read again."""
    return _code(error) in _DAMAGED


def is_lost(error: Exception) -> bool:
    """Whether the files that are open may no longer be those of the folder."""
    return isinstance(error, FileNotFoundError) or _code(error) in _LOST


def _code(error: Exception) -> int | None:
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF  # the rest tells a kind of the same error
