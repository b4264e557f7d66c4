"""The connections of one process to a journal: one that writes, one that reads, and one for each transaction of a step."""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections.abc import Callable, Generator
from contextlib import suppress
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from pegboard.parts import after_fork, new_rlock
from pegboard.parts.contexts import context_manager
from pegboard_durable._errors import DurableError
from pegboard_durable.journal.opening import (
    BEGIN,
    TO_READ,
    TO_WRITE,
    checkpoint_on,
    open_engine,
    wait_by_itself,
)

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine

_PATIENCE = 2.0
_all: weakref.WeakSet[Held] = weakref.WeakSet()
_stopped: dict[int, list[Held]] = {}  # by thread that forks
_registered: list[bool] = []


class Held:
    """A connection that is opened at first use, and used by one thread at a time.

    It is closed before this process forks: SQLite keeps what a process has locked in memory that a child would take for its own.

    Args:
        connect: Opens it.
    """

    def __init__(self, connect: Callable[[], Connection]) -> None:
        self.lock = new_rlock()
        self._connect = connect
        self._connection: Connection | None = None
        self._left_behind: list[Connection] = []
        after_fork(self._begin_anew)
        _all.add(self)
        _register()

    def _begin_anew(self) -> None:
        """In a forked child: not even close a connection of the parent's that was in use."""
        if self._connection is not None:
            self._left_behind.append(self._connection)
        self._connection = None

    @context_manager
    def transaction(self) -> Generator[Connection]:
        """Do what the block does in one transaction; what leaves it undoes that."""
        with self.lock:
            connection = self._connection
            if connection is None:
                connection = self._connection = self._connect()
            try:
                with connection.begin():
                    yield connection
            except DurableError:
                raise
            except (
                BaseException
            ):  # a fault, or a Ctrl-C in the middle of it: nobody knows what state it is in
                self.close()
                raise

    def opened(self) -> Connection | None:
        """Return the connection, or None; for those who hold the lock."""
        return self._connection

    def close(self) -> None:
        """Close the connection; the next use opens another."""
        with self.lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                with suppress(SQLAlchemyError, sqlite3.Error):  # it may be lost already
                    connection.close()


def _register() -> None:
    if not _registered and hasattr(os, "register_at_fork"):
        _registered.append(True)
        os.register_at_fork(before=_stop, after_in_parent=_go_on, after_in_child=_begin_anew)


def _stop() -> None:
    held = [each for each in list(_all) if each.lock.acquire(timeout=_PATIENCE)]
    _stopped[threading.get_ident()] = held
    for each in held:
        each.close()


def _go_on() -> None:
    for each in _stopped.pop(threading.get_ident(), ()):
        each.lock.release()


def _begin_anew() -> None:
    _go_on()
    _stopped.clear()


class Connections:
    """What a process has open of one journal.

    Args:
        url: Its address.
        schema: Of the tables; None for that of the database's user.
        create: Whether a file that is missing is made.
    """

    def __init__(self, url: URL, schema: str | None, *, create: bool) -> None:
        self._url = url
        self._schema = schema
        self._create = create
        self._guard = new_rlock()
        self._engine: Engine | None = None
        self.writing = Held(self._writing)
        self.reading = Held(lambda: self._opened(TO_READ))

    @property
    def engine(self) -> Engine:
        """The engine, made at first use."""
        with self._guard:
            if self._engine is None:
                engine = open_engine(self._url, create=self._create)
                named = {} if self._schema is None else {"schema_translate_map": {None: self._schema}}
                self._engine = engine.execution_options(**named)
            return self._engine

    def _writing(self) -> Connection:
        connection = self._opened(TO_WRITE)
        checkpoint_on(connection)
        wait_by_itself(connection)
        return connection

    def _opened(self, begin: str) -> Connection:
        return self.engine.connect().execution_options(**{BEGIN: begin})

    def close(self) -> None:
        """Close what is open; the next use opens it again."""
        self.writing.close()
        self.reading.close()
        with self._guard:
            self._engine = None
