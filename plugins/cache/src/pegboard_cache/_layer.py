"""What happens around a call of a cached task."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

from pegboard import Layer, Order
from pegboard_cache._values import note, origin_of
from pegboard_cache.codec.size import estimate
from pegboard_cache.keys.encoder import Unhashable
from pegboard_cache.locks.process_lock import process_locks
from pegboard_cache.locks.single_flight import ABANDONED, SINGLE_FLIGHT, Ending, Flight, Presence, lineage_of

if TYPE_CHECKING:
    from pegboard import Call
    from pegboard.layers import Proceed, ProceedStream
    from pegboard_cache._report import Report
    from pegboard_cache._store import Entry, Origin
    from pegboard_cache._values import TaskValues
    from pegboard_cache.keys.key import KeyOf
    from pegboard_cache.locks.process_lock import LeaseOf

STREAM_BYTES_MOST = 64 * 1024 * 1024


class CachedCalls:
    """The layer around one task in one session."""

    def __init__(
        self, task: str, key_of: KeyOf, values: TaskValues, report: Report, lease: LeaseOf | None = None
    ) -> None:
        self._task = task
        self._key_of = key_of
        self._values = values
        self._report = report
        self._find = values.finder()
        self._lock_of = None if lease is None else process_locks(lease, self._find, values.store, report)
        self._blocking = values.store.blocking

    def layer(self) -> Layer:
        """Make the layer; what a hit needs is resolved here."""
        return Layer("cache", Order.CACHE, run=self._run(), stream=self._stream())

    def _run(self) -> Callable[[Call, Proceed], Any]:
        key_of, find, blocking, count = self._key_of, self._find, self._blocking, self._report.count

        async def run(call: Call, proceed: Proceed) -> Any:
            ended = SINGLE_FLIGHT.ended
            try:
                key = key_of(call.args, call.kwargs)
            except Unhashable as reason:
                self._unhashable(reason)
                return await proceed(call)
            entry = await call.io(find, key) if blocking else find(key)
            if entry is None:
                return await self._run_once(call, proceed, key, ended)
            call.source = "cache"
            if entry[3] is not None:
                note(call, entry[3])
            count("hits")
            call.emit("on_cache_hit", key)
            return entry[0]

        return run

    def _stream(self) -> Callable[[Call, ProceedStream], AsyncIterator[Any]]:
        async def stream(call: Call, proceed: ProceedStream) -> AsyncIterator[Any]:
            try:
                key = self._key_of(call.args, call.kwargs)
            except Unhashable as reason:
                self._unhashable(reason)
                async for item in proceed(call):
                    yield item
                return
            entry = await self._look(call, key)
            if entry is not None:
                self._hit(call, key, entry[3])
                for item in entry[0]:
                    yield item
                return
            self._miss(call, key)
            recording = _Recording()
            async for item in proceed(call):
                recording.add(item)
                yield item
            await self._keep_stream(call, key, recording)

        return stream

    async def _look(self, call: Call, key: str) -> Entry | None:
        return await call.io(self._find, key) if self._blocking else self._find(key)

    async def _run_once(self, call: Call, proceed: Proceed, key: str, ended: int) -> Any:
        """Run the function, or wait for the equal call that runs it already."""
        flight: Flight | None = None
        ending: Ending | None = None
        presence = Presence()
        thread = None if call.is_async else threading.get_ident()
        try:
            while True:
                flight = SINGLE_FLIGHT.join((self._values.place, key), call.id, ended, presence, thread)
                if flight is not None and flight.leader == call.id:
                    return await self._lead(call, proceed, key, flight)
                if flight is not None:
                    ending = await call.io(
                        SINGLE_FLIGHT.wait, flight, lineage_of(call), afn=SINGLE_FLIGHT.await_
                    )
                    if ending is None:  # the leader waits for this call, directly or not
                        self._miss(call, key)
                        return await proceed(call)
                    if ending is not ABANDONED:
                        return self._joined(call, key, ending)
                ended = SINGLE_FLIGHT.ended
                entry = await self._look(call, key)
                if entry is not None:
                    self._hit(call, key, entry[3])
                    return entry[0]
        finally:
            # An error holds this frame, which must not hold the error; nor its own presence, which would go on.
            del flight, ending, presence

    async def _lead(self, call: Call, proceed: Proceed, key: str, flight: Flight) -> Any:
        ending = ABANDONED
        lock = None if self._lock_of is None else self._lock_of(key)
        try:
            if lock is not None:
                entry = await lock.acquire(call)
                if entry is not None:  # another process was first
                    ending = Ending("returned", entry[0], origin=entry[3])
                    self._hit(call, key, entry[3])
                    return entry[0]
            self._miss(call, key)
            value = await proceed(call)
            ending = Ending("returned", value, call.source != "fallback", origin_of(call))
            if ending.from_function:
                await self._values.keep(call, key, value)
            if lock is not None:
                await call.io(lock.release)
            return value
        except Exception as error:
            ending = Ending("failed", error)
            raise
        finally:
            if lock is not None:
                lock.release()
            SINGLE_FLIGHT.end(flight, ending)
            del flight, ending  # as above

    def _joined(self, call: Call, key: str, ending: Ending) -> Any:
        try:
            if ending.kind == "returned" and ending.from_function:
                self._hit(call, key, ending.origin)
                return ending.value
            self._miss(call, key)
            if ending.kind == "failed":
                raise ending.value
            call.source = "fallback"
            return ending.value
        finally:
            del ending  # as above

    async def _keep_stream(self, call: Call, key: str, recording: _Recording) -> None:
        if call.source == "fallback":
            return
        if call.directed:  # another consumer would not say the same, nor get to
            self._values.unstorable("its items are an answer to what was sent to it, or raised in it")
        elif call.returned is not None:
            self._values.unstorable("it returned a value beside its items, which are all that is kept")
        elif recording.items is None:
            self._values.unstorable(f"its items are larger than {STREAM_BYTES_MOST:,} bytes together")
        else:
            await self._values.keep(call, key, recording.items)

    def _hit(self, call: Call, key: str, origin: Origin | None) -> None:
        call.source = "cache"
        note(call, origin)
        self._report.count("hits")
        call.emit("on_cache_hit", key)

    def _miss(self, call: Call, key: str) -> None:
        self._report.count("misses")
        call.emit("on_cache_miss", key)

    def _unhashable(self, reason: Unhashable) -> None:
        self._report.count("uncached")
        self._report.warn_once(
            f"unhashable {self._task}",
            f"task {self._task!r} was called with an argument that cannot be part of a cache key: {reason}.\n"
            f"Such calls run uncached. Cache(key=...) makes a key from the other inputs.",
        )


class _Recording:
    """The items of a stream so far; None once they are too large to be kept."""

    def __init__(self) -> None:
        self.items: list[Any] | None = []
        self._size = 0

    def add(self, item: object) -> None:
        if self.items is None:
            return
        self.items.append(item)
        self._size += estimate(item)
        if self._size > STREAM_BYTES_MOST:
            self.items = None
