"""The index of a folder store: what is there, how large, and what was used last. In SQLite, for several processes.

It decides nothing about a hit. If it is damaged or lost, it is made anew from the files.
"""

from __future__ import annotations

import functools
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from pegboard_cache.stores.folder import NO_LINK, name_of

_SCHEMA = """
    BEGIN IMMEDIATE;
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
    COMMIT;
"""
_BUSY_SECONDS = 5.0
_AGAIN_SECONDS = 0.005
_BATCH = 64
_FUTURE_SECONDS = 86400.0  # clocks of several machines may differ, but not by a day


class DamagedIndex(Exception):  # noqa: N818 - a reason to make it anew
    """Raised for an index that does not hold what it should."""


class Row(NamedTuple):
    """What an index knows of one file: the key of its value, its size in bytes, and when it was used last."""

    key: str
    size: int
    used: float


class Index:
    """A connection to the index of one folder; used by one thread at a time.

    Args:
        path: The database; made, with mode 0600, if it is not there.
        patience: Seconds for which another process that writes is waited for.

    Raises:
        DamagedIndex: It has another schema, or is not whole.
    """

    def __init__(self, path: Path, patience: float = _BUSY_SECONDS) -> None:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | NO_LINK, 0o600))
        self._patience = patience
        self._db = sqlite3.connect(path, timeout=patience, isolation_level=None, check_same_thread=False)
        self._db.text_factory = _text
        try:
            self._write_ahead()
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._check_schema()
        except BaseException:
            self._db.close()
            raise

    def _write_ahead(self) -> None:
        """Switch to write-ahead logging, for which SQLite does not wait while another process opens the file too."""
        until = time.monotonic() + self._patience
        while True:
            try:
                self._db.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if not is_busy(error) or time.monotonic() > until:
                    raise
                time.sleep(_AGAIN_SECONDS)
            else:
                return

    def _check_schema(self) -> None:
        if not _expected() <= _parts_of(self._db):
            self._db.executescript(_SCHEMA)
        parts = _parts_of(self._db)
        if not _expected() <= parts or any(kind == "trigger" for kind, *_ in parts - _expected()):
            raise DamagedIndex("schema")
        (found,) = self._db.execute("PRAGMA integrity_check(1)").fetchone()
        if found != "ok":
            raise DamagedIndex("integrity")

    def rows(self, now: float) -> dict[str, Row]:
        """Return all rows by the names of their files.

        Raises:
            DamagedIndex: There is one that no file could have, or they do not add up.
        """
        with self._transaction():
            rows = {name: Row(*rest) for name, *rest in self._db.execute("SELECT * FROM entries")}
            totals = self._db.execute("SELECT bytes FROM total").fetchall()
        if not all(_is_sound(name, row, now) for name, row in rows.items()):
            raise DamagedIndex("row")
        if totals != [(sum(row.size for row in rows.values()),)]:
            raise DamagedIndex("total")
        return rows

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
        if self._db.in_transaction:  # an interrupt struck before the first line inside
            self._db.execute("ROLLBACK")
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")


def _is_sound(name: str, row: Row, now: float) -> bool:
    return (
        type(row.key) is str
        and name == name_of(row.key)
        and type(row.size) is int
        and row.size >= 0
        and type(row.used) is float
        and row.used < now + _FUTURE_SECONDS
    )


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")  # what is no text is found out by `_is_sound`


def _parts_of(db: sqlite3.Connection) -> set[tuple[str, str, str]]:
    found = db.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    return {(kind, name, " ".join(sql.split())) for kind, name, sql in found}


@functools.cache
def _expected() -> set[tuple[str, str, str]]:
    with closing(sqlite3.connect(":memory:")) as db:
        db.executescript(_SCHEMA)
        return _parts_of(db)


_BUSY = frozenset((sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL))
_FAILING = frozenset((sqlite3.SQLITE_FULL, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_INTERRUPT))
# The file was removed or replaced while it was open; or the disk is full, or the folder cannot be written.
_LOST = frozenset(
    (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM)
)


def is_busy(error: Exception) -> bool:
    """Whether another process is at work with the index."""
    return _code(error) in _BUSY


def is_lost(error: Exception) -> bool:
    """Whether the files that are open may no longer be those of the folder."""
    return isinstance(error, FileNotFoundError) or _code(error) in _LOST


def is_damaged(error: Exception) -> bool:
    """Whether the index can never be read again: all that is none of the others, as damage shows in any way."""
    if isinstance(error, OSError) or _code(error) in _BUSY | _FAILING:
        return False
    return not is_lost(error)


def _code(error: Exception) -> int | None:
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF  # the rest tells a kind of the same error
