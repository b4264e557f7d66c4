"""Opening the database of a journal."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Engine, NullPool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from pegboard import ConfigError

_BUSY_MS = 10_000
_DIALECTS = ("sqlite", "postgresql")


def parse(url: str) -> URL:
    """Read an address; `postgresql://` is taken for the driver psycopg on every SQLAlchemy.

    Raises:
        ConfigError: It is none, or of a database that no journal can be kept in.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise _refusal("the address of a journal cannot be read") from None
    if parsed.get_backend_name() not in _DIALECTS:
        raise _refusal(f"no journal can be kept in {parsed.get_backend_name()}")
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    return parsed


def _refusal(what: str) -> ConfigError:
    return ConfigError(
        f"{what}. Write Durability('sqlite:///journal.db'), or postgresql://user@host/database.",
        where="Durability",
        key="url",
    )


def open_engine(url: URL) -> Engine:
    """Make an engine whose transactions are safe once they are committed, and which take their lock when they begin."""
    try:
        if url.get_backend_name() == "sqlite":
            return _sqlite(url)
        return create_engine(url, poolclass=NullPool)
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise ConfigError(
            f"the journal {url.render_as_string()} needs the driver {url.get_driver_name()}, which is not installed: "
            f"pip install 'pegboard[durable-postgres]'.",
            where="Durability",
            key="url",
        ) from error


def _sqlite(url: URL) -> Engine:
    if url.database not in (None, "", ":memory:"):
        _make_private(Path(str(url.database)))
    engine = create_engine(url, poolclass=NullPool, connect_args={"check_same_thread": False})
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: Any, _: object) -> None:
    connection.isolation_level = None  # `_begin` says where a transaction begins
    for pragma in (f"busy_timeout = {_BUSY_MS}", "journal_mode = WAL", "synchronous = FULL", "mmap_size = 0"):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _make_private(path: Path) -> None:
    """Make the folder and the file, where there are none, for their owner alone; SQLite gives its side files the same mode."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    flags = os.O_CREAT | os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    descriptor = os.open(path, flags, 0o600)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("it is no regular file")
    finally:
        os.close(descriptor)
