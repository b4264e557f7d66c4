"""The file that keeps when each entry was last run."""

from __future__ import annotations

import logging
import os
import sqlite3
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pegboard.parts import after_fork
from pegboard_schedule._errors import ScheduleStoreError

_log = logging.getLogger("pegboard.schedule")
_VERSION = 1
_CLAIM = "UPDATE entries SET last = ? WHERE id = ? AND last < ?"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class LastRuns:
    """An SQLite file with a row for each entry: its rule, when it was last due, what its condition said.

    A run belongs to whoever notes it first, so of several processes with one file one runs it. Calls are made under the
    schedule's lock.

    Raises:
        ScheduleStoreError: The file cannot be opened, is of another kind, or of a later version.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._left_behind: list[sqlite3.Connection] = []
        try:
            _make_private(path)
            self._connection = self._connected()
        except (OSError, sqlite3.Error) as error:
            raise self._refusal(str(error)) from error
        try:
            self._prepare()
        except sqlite3.Error as error:
            self._connection.close()
            raise self._refusal(str(error)) from error
        except ScheduleStoreError:
            self._connection.close()
            raise

        after_fork(self._begin_anew)

    def _begin_anew(self) -> None:
        """In a forked child: SQLite must not even close a connection of the process that this one was forked from."""
        self._left_behind.append(self._connection)
        self._connection = self._connected()

    def _connected(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=5.0, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA synchronous = FULL")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def last(self, key: str, rule: str, baseline: datetime) -> tuple[datetime, bool]:
        """Return when an entry was last due and what its condition said; `baseline` for a new one or another rule.

        Raises:
            ScheduleStoreError: The file cannot be read or written.
        """
        try:
            with self._transaction() as execute:
                row = execute(
                    "SELECT last, was_true FROM entries WHERE id = ? AND rule = ?", (key, rule)
                ).fetchone()
                if row is not None:
                    return _EPOCH + row[0] * _MICROSECOND, bool(row[1])
                execute(
                    "INSERT OR REPLACE INTO entries (id, rule, last, was_true) VALUES (?, ?, ?, 0)",
                    (key, rule, _number(baseline)),
                )
        except sqlite3.Error as error:
            raise self._refusal(str(error)) from error
        return baseline, False

    # The jobs matter more than the notes about them: where these cannot be written, that is logged, and runs go on.

    def claim(self, due: Sequence[tuple[str, datetime]]) -> set[str]:
        """Note when entries were due, all or none, and return the ids of those that nobody had noted before."""
        won = set()
        try:
            with self._transaction() as execute:
                for key, last in due:
                    number = _number(last)
                    if execute(_CLAIM, (number, key, number)).rowcount:
                        won.add(key)
        except sqlite3.Error as error:
            self._complain(error)
            return {key for key, _ in due}
        return won

    def give_back(self, key: str, last: datetime, before: datetime) -> None:
        """Take a note back: the run did not begin."""
        self._write(
            "UPDATE entries SET last = ? WHERE id = ? AND last = ?", (_number(before), key, _number(last))
        )

    def set_last(self, key: str, last: datetime) -> None:
        """Note an earlier time than there is, as the clock was set back."""
        self._write("UPDATE entries SET last = ? WHERE id = ?", (_number(last), key))

    def set_condition(self, key: str, *, true: bool) -> bool:
        """Note what a condition said, and return whether that is news."""
        return self._write(
            "UPDATE entries SET was_true = ? WHERE id = ? AND was_true != ?", (int(true), key, int(true))
        )

    def remove(self, key: str) -> None:
        """Forget an entry."""
        self._write("DELETE FROM entries WHERE id = ?", (key,))

    def _write(self, statement: str, values: tuple[object, ...]) -> bool:
        """Write, and return whether that changed anything; True where it is not known."""
        try:
            return self._connection.execute(statement, values).rowcount > 0
        except sqlite3.Error as error:
            self._complain(error)
            return True

    @contextmanager
    def _transaction(self) -> Iterator[Callable[..., sqlite3.Cursor]]:
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            yield self._connection.execute

    def _complain(self, error: sqlite3.Error) -> None:
        _log.error(
            "last runs cannot be noted in %s: %s; runs go on, and a restart may repeat them",
            self._path,
            error,
        )

    def _prepare(self) -> None:
        execute = self._connection.execute
        execute("PRAGMA journal_mode = WAL")
        (version,) = execute("PRAGMA user_version").fetchone()
        (tables,) = execute("SELECT count(*) FROM sqlite_master").fetchone()
        if version > _VERSION or (version == 0 and tables):
            raise self._refusal("it was written by something else, or by a later version")
        execute(
            "CREATE TABLE IF NOT EXISTS entries (id TEXT PRIMARY KEY, rule TEXT NOT NULL, last INTEGER NOT NULL, "
            "was_true INTEGER NOT NULL) WITHOUT ROWID"
        )
        execute(f"PRAGMA user_version = {_VERSION}")

    def _refusal(self, why: str) -> ScheduleStoreError:
        return ScheduleStoreError(
            f"the last runs cannot be kept in {self._path}: {why}.\n"
            f"Without them a restart would repeat or skip runs. Give Scheduling(path=...) a file of its own in a "
            f"folder that can be written.",
            path=str(self._path),
        )


def _number(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def _make_private(path: Path) -> None:
    """Make the file, if there is none, so that only its owner can read it; SQLite gives its side files the same mode."""
    flags = os.O_CREAT | os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    descriptor = os.open(path, flags, 0o600)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("it is no regular file")
    finally:
        os.close(descriptor)
