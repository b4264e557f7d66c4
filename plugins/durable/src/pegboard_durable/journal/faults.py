"""What an error of a database says: that the storage failed, that the file is damaged, or that a statement was wrong."""

from __future__ import annotations

import sqlite3

from sqlalchemy.exc import DBAPIError

_DAMAGE = ("SQLITE_CORRUPT", "SQLITE_NOTADB")
_STORAGE = (
    "SQLITE_FULL",
    "SQLITE_IOERR",
    "SQLITE_BUSY",
    "SQLITE_LOCKED",
    "SQLITE_READONLY",
    "SQLITE_CANTOPEN",
)
_SOUND = (3, 51, 3)


def old_sqlite(version: tuple[int, ...]) -> list[str]:
    """Name the fault of versions of SQLite that may damage a journal; none for those that do not.

    Source: sqlite.org/wal.html, "The WAL-Reset Bug".
    """
    if version >= _SOUND:
        return []
    here, sound = (".".join(map(str, each)) for each in (version, _SOUND))
    fault = "can damage a journal, rarely, where two connections write and checkpoint at the same instant"
    return [f"SQLite {here} {fault}: the WAL-reset bug, mended in {sound}"]


def is_damage(error: BaseException) -> bool:
    """Whether an error says that the file is not as it was written."""
    return _name_of(error).startswith(_DAMAGE)


def is_storage_fault(error: BaseException) -> bool:
    """Whether an error says that the database cannot be used, and nothing about the statement."""
    lost = isinstance(error, DBAPIError) and error.connection_invalidated
    return lost or _name_of(error).startswith(_STORAGE + _DAMAGE)


def _name_of(error: BaseException) -> str:
    """SQLite's name of an error; empty for others."""
    origin = error.orig if isinstance(error, DBAPIError) else error
    return getattr(origin, "sqlite_errorname", "") if isinstance(origin, sqlite3.Error) else ""
