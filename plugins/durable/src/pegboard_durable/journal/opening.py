"""Opening the database of a journal."""

from __future__ import annotations

import os
import sqlite3
import stat
import time
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from pegboard import ConfigError

BUSY_SECONDS = 10.0
_DRIVERS = {
    "sqlite": "sqlite",
    "sqlite+pysqlite": "sqlite",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}
_PAGES_TO_CHECKPOINT = 1_000  # as SQLite's own default
_PRAGMAS = ("synchronous = FULL", "mmap_size = 0", "wal_autocheckpoint = 0", "foreign_keys = OFF")
_PAUSE = 0.0005
BEGIN = "pegboard_begin"
TO_READ, TO_WRITE = "BEGIN", "BEGIN IMMEDIATE"


def parse(url: str) -> URL:
    """Read an address; `postgresql://` is taken for the driver psycopg on every SQLAlchemy, and the path of a file made absolute.

    Raises:
        ConfigError: It is none, or of a database that no journal can be kept in.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, AttributeError, ValueError):
        raise _refusal("the address of a journal cannot be read") from None
    if parsed.drivername not in _DRIVERS:
        raise _refusal(f"no journal can be kept in {parsed.drivername}")
    parsed = parsed.set(drivername=_DRIVERS[parsed.drivername])
    return _with_file(parsed) if is_sqlite(parsed) else parsed


def is_sqlite(url: URL) -> bool:
    """Whether an address is that of a file."""
    return url.drivername == "sqlite"


def _with_file(url: URL) -> URL:
    path = url.database or ""
    if path in ("", ":memory:") or url.query.get("mode") == "memory":
        raise _refusal("a journal in memory ends with its process, and no run could be resumed from it")
    if path.startswith("file:") or url.query or url.host:
        raise _refusal("the address of a journal in a file is its path alone")
    return url.set(database=str(Path(path).absolute()))


def _refusal(what: str) -> ConfigError:
    return ConfigError(
        f"{what}. Write Durability('sqlite:///journal.db'), or postgresql://user@host/database.",
        where="Durability",
        key="url",
    )


def open_engine(url: URL, *, create: bool) -> Engine:
    """Make an engine whose transactions are there for good once they are committed.

    A connection's execution option `pegboard_begin` is the statement that begins its transactions; without it, none does.

    Args:
        url: Of the database.
        create: Whether a file that is missing is made.

    Raises:
        ConfigError: The driver is not installed.
        OSError: The file cannot be used.
    """
    try:
        if is_sqlite(url):
            return _sqlite(url, create=create)
        return create_engine(url, poolclass=NullPool)
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise ConfigError(
            f"the journal {url.render_as_string()} needs the driver {url.get_driver_name()}, which is not installed: "
            f"pip install 'pegboard-durable[postgres]'.",
            where="Durability",
            key="url",
        ) from error


def _sqlite(url: URL, *, create: bool) -> Engine:
    _open_file(Path(str(url.database)), create=create)
    arguments = {"check_same_thread": False, "timeout": BUSY_SECONDS}
    engine = create_engine(url, poolclass=NullPool, connect_args=arguments)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: Any, _: object) -> None:
    connection.isolation_level = None  # `_begin` says where a transaction begins
    _use_wal(connection)
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}").close()


def _use_wal(connection: Any) -> None:
    """Have the file be in WAL mode; where another process is about the same, SQLite says at once that it is locked."""
    end = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").close()
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(0.01)
        else:
            return


def _begin(connection: Connection) -> None:
    statement = connection.get_execution_options().get(BEGIN)
    raw: Any = connection.connection.dbapi_connection
    if statement == TO_WRITE:
        begin_to_write(raw)
    elif statement is not None:
        raw.execute(statement)


def begin_to_write(raw: Any) -> None:
    """Begin a transaction with the lock for writing, once it is free.

    SQLite's own waiting asks ten times a second after a while, and would starve where others write all the time.
    """
    end = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            raw.execute(TO_WRITE)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(_PAUSE)
        else:
            return


def checkpoint_on(connection: Connection) -> None:
    """Have one connection, and no other, bring what is in the log into the file."""
    if connection.dialect.name == "sqlite":
        raw: Any = connection.connection.dbapi_connection
        raw.execute(f"PRAGMA wal_autocheckpoint = {_PAGES_TO_CHECKPOINT:d}").close()


def wait_by_itself(connection: Connection) -> None:
    """Have SQLite say at once that another process writes: `begin_to_write` waits."""
    if connection.dialect.name == "sqlite":
        raw: Any = connection.connection.dbapi_connection
        raw.execute("PRAGMA busy_timeout = 1").close()


def _open_file(path: Path, *, create: bool) -> None:
    """Make the folder and the file, where there are none, for their owner alone; SQLite gives its side files the same mode."""
    if create:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    flags = os.O_RDWR | (os.O_CREAT if create else 0) | getattr(os, "O_CLOEXEC", 0)
    descriptor = os.open(path, flags, 0o600)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(f"{str(path)!r} is no regular file")
    finally:
        os.close(descriptor)
