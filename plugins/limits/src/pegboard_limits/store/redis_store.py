"""The Redis that rate limits and concurrency limits are kept in."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING, Any, TypeVar

from pegboard import ConfigError, texts
from pegboard.parts import after_fork, new_rlock
from pegboard.parts.event_loop import running_loop
from pegboard_limits._errors import LimitStoreError
from pegboard_limits.store.connection import Connection, Reply

if TYPE_CHECKING:
    from pegboard import Call

T = TypeVar("T")

_SCHEMES = ("redis://", "rediss://", "unix://")
_log = logging.getLogger("pegboard.limits")


def check_url(url: object) -> str:
    """Return the URL of a store.

    Raises:
        ConfigError: It is none that can be used, or the client is not installed. The URL, which may hold a password, is
            not shown.
    """
    if not isinstance(url, str):
        raise TypeError(
            f"store is the URL of a Redis, as redis://127.0.0.1:6379/0, or None, not {texts.a(type(url).__name__)}."
        )
    if not url.startswith(_SCHEMES):
        scheme = url.partition("://")[0] if "://" in url else ""
        raise ConfigError(
            f"limits cannot be kept in a store {scheme + '://' if scheme else 'without a scheme'}: only Redis is supported.\n"
            f"Give one of {', '.join(_SCHEMES)}, or None for limits within this process.",
            where="Limits",
            key="store",
        )
    if importlib.util.find_spec("redis") is None:
        raise ConfigError(
            "limits in a Redis need its client, which is not installed: pip install 'pegboard[limits-redis]'",
            where="Limits",
            key="store",
        )
    return url


class RedisStore:
    """One client on an event loop of its own, in a thread of its own, which serves all threads and loops alike.

    It starts with the first query. `close` ends it, and a later query starts it again; so does the first one after a fork.

    Attributes:
        prefix: What all keys begin with.
        lease: Seconds for which a slot is held without word from its process.
        allow: Whether calls go on when their rate limit or concurrency limit cannot be checked.
    """

    def __init__(self, url: str, prefix: str, lease: float, *, allow: bool) -> None:
        self.prefix = prefix
        self.lease = lease
        self.allow = allow
        self._url = url
        self._warned: set[str] = set()
        self._begin_anew()
        after_fork(self._begin_anew)

    def _begin_anew(self) -> None:
        """Begin with no connection, also in a forked child: the thread did not come along, and the sockets are the parent's."""
        self._guard = new_rlock()
        self._connection: Connection | None = None

    def keys(self, kind: str, limit: str, parts: Iterable[str]) -> list[str]:
        """Name the keys of a limit; all in one hash slot of a cluster."""
        return [f"{self.prefix}:limits:{{{kind}:{limit}}}:{part}" for part in parts]

    async def query(
        self,
        call: Call,
        limit: str,
        query: Callable[[Connection], Coroutine[Any, Any, T]],
        otherwise: T,
        within: float | None = None,
    ) -> T:
        """Put a query to the store, and wait for the answer; a function waits so many seconds at most.

        Raises:
            LimitStoreError: There is none; unless calls go on then, with `otherwise`.
        """
        try:
            answer: T = await call.io(self._query_in_thread, query, within, afn=self._query_in_loop)
        except Exception as error:
            if not _is_of_store(error):
                raise
            if self.allow:
                self._warn_once(limit, f"limit {limit!r} cannot be checked, so calls go on without it", error)
                return otherwise
            raise self._failure(call, limit, error) from error
        return answer

    def send(self, limit: str, message: Callable[[Connection], Coroutine[Any, Any, Any]]) -> None:
        """Send word to the store, without waiting for it to arrive."""

        def done(error: BaseException | None) -> None:
            if error is not None:
                self._warn_once(
                    limit, f"limit {limit!r} could not be given back, and comes free by itself", error
                )

        self._start(message, Reply(done))

    def close(self) -> None:
        """Say what is still to be said, and end the thread."""
        with self._guard:
            connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _submit(self, make: Callable[[Connection], Coroutine[Any, Any, T]]) -> Future[T]:
        with self._guard:
            return self._connected().submit(make)

    def _start(self, make: Callable[[Connection], Coroutine[Any, Any, T]], reply: Reply[T]) -> Connection:
        with self._guard:
            connection = self._connected()
            connection.start(make, reply)
            return connection

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = Connection(self._url, self.lease)
        return self._connection

    def _query_in_thread(
        self, query: Callable[[Connection], Coroutine[Any, Any, T]], within: float | None
    ) -> T:
        reply = Reply[T]()
        connection = self._start(query, reply)
        try:
            return reply.result(within)
        except BaseException:  # KeyboardInterrupt, cancelled, or too late
            connection.cancel(reply)
            raise

    async def _query_in_loop(
        self, query: Callable[[Connection], Coroutine[Any, Any, T]], _: float | None
    ) -> T:
        running_loop()
        return await asyncio.wrap_future(self._submit(query))

    def _failure(self, call: Call, limit: str, error: Exception) -> LimitStoreError:
        task = call.task.name
        return LimitStoreError(
            f"task {task!r} was not run: limit {limit!r} is kept in a Redis, which gave no answer ({type(error).__name__}).\n"
            f"Start it, or let calls go on without the limit: Limits(store=..., on_store_error='allow').",
            name=limit,
            task=task,
        )

    def _warn_once(self, limit: str, message: str, error: BaseException) -> None:
        if limit not in self._warned:
            self._warned.add(limit)
            _log.warning("%s: %s; said once for each limit", message, type(error).__name__)


def _is_of_store(error: Exception) -> bool:
    from redis import RedisError

    return isinstance(error, RedisError | OSError | CancelledError)
