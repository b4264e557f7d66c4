"""The thread that talks to Redis, and the event loop in it."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from pegboard.parts.stopping import release_once, wait_for_lock
from pegboard_limits.store.scripts import RENEW_LEASES

if TYPE_CHECKING:
    from redis.asyncio import Redis
    from redis.commands.core import AsyncScript

T = TypeVar("T")

_TIMEOUT = 2.0  # seconds, unless the URL says otherwise
_MAX_CONNECTIONS = 16
_log = logging.getLogger("pegboard.limits")


class Reply(Generic[T]):
    """What comes of a coroutine in the loop, for a thread to wait for.

    A Future has a lock with Python code in it: an interrupt there would leave it held, and the loop would wait for it for ever.
    The stop that is in force where a thread waits ends its wait.
    """

    def __init__(self, done: Callable[[BaseException | None], object] = lambda _: None) -> None:
        self._away = threading.Lock()
        self._away.acquire()
        self._done = done
        self._task: asyncio.Task[T] | None = None

    def follow(self, task: asyncio.Task[T]) -> None:
        """Take what comes of a task; called in the loop."""
        self._task = task
        task.add_done_callback(self._arrived)

    def result(self, seconds: float | None) -> T:
        """Wait for it, for so many seconds at most; return it, or raise what the coroutine raised."""
        if not wait_for_lock(self._away, seconds):
            raise TimeoutError
        task = cast("asyncio.Task[T]", self._task)
        if task.cancelled():
            raise CancelledError
        return task.result()

    def cancel(self) -> None:
        """Cancel the coroutine, if it began; called in the loop."""
        if self._task is not None:
            self._task.cancel()

    def _arrived(self, task: asyncio.Task[T]) -> None:
        error = None if task.cancelled() else task.exception()
        release_once(self._away)
        self._done(error)


class Connection:
    """A running loop with a client: the connection of one process, until it is closed.

    Attributes:
        asking_locks: Held by the call that asks for a lease, by the key of the concurrency limit: one asks at a time.
        leases: Those that are to be renewed, by the key of the concurrency limit.
    """

    def __init__(self, url: str, lease: float) -> None:
        self.asking_locks: dict[str, asyncio.Lock] = {}
        self.leases: dict[str, set[str]] = {}
        self._url = url
        self._lease = lease
        self._client: Redis | None = None
        self._scripts: dict[str, AsyncScript] = {}
        self._connections = asyncio.Semaphore(_MAX_CONNECTIONS)
        self._asking: dict[str, asyncio.Task[Any]] = {}
        self._running: set[asyncio.Task[Any]] = set()
        self._renewing: asyncio.Task[None] | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name="pegboard-limits", daemon=True)
        self._thread.start()

    def submit(self, make: Callable[[Connection], Coroutine[Any, Any, T]]) -> Future[T]:
        """Run a coroutine in the loop."""
        return asyncio.run_coroutine_threadsafe(self._tracked(make(self)), self._loop)

    def start(self, make: Callable[[Connection], Coroutine[Any, Any, T]], reply: Reply[T]) -> None:
        """Run a coroutine in the loop, for a thread that may be interrupted."""
        self._loop.call_soon_threadsafe(self._start, make, reply)

    def cancel(self, reply: Reply[Any]) -> None:
        """Cancel a coroutine that was started so."""
        self._loop.call_soon_threadsafe(reply.cancel)

    def _start(self, make: Callable[[Connection], Coroutine[Any, Any, T]], reply: Reply[T]) -> None:
        reply.follow(self._loop.create_task(self._tracked(make(self))))

    async def run(self, script: str, keys: list[str], args: list[Any]) -> Any:
        """Run a script to its end, even when nobody waits for it any more: what it did has to be known."""
        found = self._scripts.get(script)
        if found is None:
            found = self._scripts[script] = self._connected().register_script(script)
        running = asyncio.ensure_future(self._answer(found(keys=keys, args=args)))
        try:
            await asyncio.wait([running])
        except asyncio.CancelledError:
            await asyncio.wait([running])
            if not running.cancelled():
                running.exception()  # seen, and of no use to anybody
            raise
        return running.result()

    async def _answer(self, script: Awaitable[Any]) -> Any:
        async with self._connections:
            return await script

    @contextmanager
    def asking_for(self, holder: str) -> Iterator[None]:
        """Mark the running task as the one that asks for a lease."""
        self._asking[holder] = _this_task()
        try:
            yield
        finally:
            del self._asking[holder]

    async def until_answered(self, holder: str) -> None:
        """Wait until nobody asks for that lease any more, or it would be given back before it is taken."""
        task = self._asking.get(holder)
        if task is not None:
            await asyncio.wait([task])

    def renew_lease(self, key: str, holder: str) -> None:
        """Renew a lease from now on."""
        self.leases.setdefault(key, set()).add(holder)
        if self._renewing is None:
            self._renewing = asyncio.ensure_future(self._renew())

    def drop_lease(self, key: str, holder: str) -> None:
        """Renew a lease no more."""
        self.leases.get(key, set()).discard(holder)

    def close(self) -> None:
        """Finish what goes on, disconnect, and end the thread."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _serve(self) -> None:
        self._loop.run_forever()
        self._loop.close()

    async def _tracked(self, coroutine: Coroutine[Any, Any, T]) -> T:
        task = _this_task()
        self._running.add(task)
        try:
            return await coroutine
        finally:
            self._running.discard(task)

    async def _end(self) -> None:
        if (
            self._running
        ):  # leases on their way back; whoever still asks, in a session that is over, is cancelled
            await asyncio.wait(self._running, timeout=2 * _TIMEOUT)
        for task in self._running:
            task.cancel()
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.wait([self._renewing])
        if self._client is not None:
            await self._client.aclose()

    def _connected(self) -> Redis:
        if self._client is None:
            from redis.asyncio import Redis
            from redis.asyncio.retry import Retry
            from redis.backoff import NoBackoff

            self._client = Redis.from_url(
                self._url,
                socket_timeout=_TIMEOUT,
                socket_connect_timeout=_TIMEOUT,
                retry=Retry(NoBackoff(), 1),  # for a connection that the server has closed meanwhile
                decode_responses=True,
            )
        return self._client

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._lease / 3)
            for key, holders in list(self.leases.items()):
                if not holders:
                    continue
                try:
                    await self.run(RENEW_LEASES, [key], [int(self._lease * 1000), *holders])
                except Exception as error:  # noqa: BLE001 - whatever it is, the next time may be better
                    _log.warning("leases could not be renewed: %s; trying again", type(error).__name__)


def _this_task() -> asyncio.Task[Any]:
    return cast("asyncio.Task[Any]", asyncio.current_task())
