"""A concurrency limit that is kept in a store, for all processes."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import AsyncIterator
from functools import partial
from typing import TYPE_CHECKING, Any

from pegboard import Layer, Order
from pegboard_limits.concurrency.layer import longest_wait, loop_here, refusal, wait_for_slot
from pegboard_limits.concurrency.slots import Slots
from pegboard_limits.store.scripts import GIVE_SLOT_BACK, TAKE_SLOT

if TYPE_CHECKING:
    from pegboard import Call
    from pegboard.layers import Proceed, ProceedStream
    from pegboard_limits.store.connection import Connection
    from pegboard_limits.store.redis_store import RedisStore

_PATIENCE = 1 / 6  # of the lease, and half a second at least: how long a silent process stays in the queue
_PAUSES = (0.005, 0.1)  # seconds between two requests for a slot: at first, and at most


class SharedSlots(Slots):
    """Slots of this process, each with a lease from a store that holds the number of leases over all processes.

    A call first waits for a slot within its process, and then for the lease. A process asks for one lease at a time,
    so that many waiting calls do not ask all at once; in the store, those who ask queue up.

    Attributes:
        over: Holders of leases whose calls are over; appended by a single C call, and sent back by `settle`.
    """

    def __init__(self, name: str, n: int, store: RedisStore, identity: str) -> None:
        super().__init__(name, n)
        self.store = store
        self._patience = max(store.lease * _PATIENCE, 0.5)
        # The word in the store stays: processes of another version count with these keys.
        self._keys = store.keys("places", identity, ("held", "queue", "alive"))
        self.over: deque[str] = deque()
        self._asked: dict[str, int] = {}  # by holder, the process that asked for its lease

    async def lease(self, call: Call, holder: str, most: float | None) -> bool | None:
        """Wait for a lease; tell whether it came at once, or None when it did not come in time."""

        async def query(connection: Connection) -> bool | None:
            with connection.asking_for(holder):
                return await self._take_or_queue(connection, holder, most)

        self._asked[holder] = os.getpid()
        return await self.store.query(call, self.name, query, otherwise=True)

    def settle(self) -> None:
        """Return the leases of the calls that are over, or leave the queue for them; without waiting.

        An interrupt may come before one is sent; then the next call sends it, and twice does no harm.
        """
        with self._guard:
            while self.over:
                holder = self.over[0]
                if (
                    self._asked.get(holder) == os.getpid()
                ):  # a call that was forked leaves its lease to the parent
                    self.give_back(holder)
                if (
                    self.over and self.over[0] == holder
                ):  # a stream that the collector ended may have come between
                    self.over.popleft()
                self._asked.pop(holder, None)

    def end_of_bodies(self, holder: str) -> None:
        """Return the lease of a call whose bodies went on."""
        self.over.append(holder)
        self.settle()

    def give_back(self, holder: str) -> None:
        """Return a lease, or leave the queue for one; without waiting."""

        async def message(connection: Connection) -> None:
            await connection.until_answered(holder)
            connection.drop_lease(self._keys[0], holder)
            await connection.run(GIVE_SLOT_BACK, self._keys, [holder])

        self.store.send(self.name, message)

    async def _take_or_queue(self, connection: Connection, holder: str, most: float | None) -> bool | None:
        asking = connection.asking_locks.setdefault(self._keys[0], asyncio.Lock())
        at_once = not asking.locked() and await self._take(
            connection, holder, 0.0 if most == 0 else self._patience
        )
        if not at_once:
            try:
                async with asyncio.timeout(most), asking:
                    await self._poll(connection, holder)
            except TimeoutError:
                return None
        connection.renew_lease(self._keys[0], holder)
        return at_once

    async def _take(self, connection: Connection, holder: str, patience: float) -> bool:
        spans = [int(self.store.lease * 1000), int(patience * 1000)]
        return bool(await connection.run(TAKE_SLOT, self._keys, [holder, self.n, *spans]))

    async def _poll(self, connection: Connection, holder: str) -> None:
        pause, longest = _PAUSES
        while not await self._take(connection, holder, self._patience):
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, longest)


def shared_concurrency_layer(slots: SharedSlots, max_wait: float | None, *, for_bodies: bool) -> Layer:
    """Make the layer: a call takes a slot and a lease before anything else, and gives both back however it ends."""
    over, forget, loops = slots.over, slots.held.pop, slots.loops

    async def enter(call: Call, holder: str) -> None:
        monotonic = call.session.clock.monotonic
        began = monotonic()
        if slots.over:
            slots.settle()
        waited = not slots.enter(call)
        if waited and not await wait_for_slot(slots, call, longest_wait(call, max_wait)):
            raise refusal(slots, call, max_wait)
        if slots.is_own(call.number):  # else the call around this one has the lease
            waited = await _lease(call, holder, monotonic() - began) or waited
        if waited:
            call.emit("on_wait", slots.name, monotonic() - began)

    async def _lease(call: Call, holder: str, spent: float) -> bool:
        most = longest_wait(call, None if max_wait is None else max(max_wait - spent, 0.0))
        at_once = await slots.lease(call, holder, most)
        if at_once is None:
            raise refusal(slots, call, max_wait)
        return not at_once

    def leave(call: Call, holder: str) -> None:
        """Give both back; each is put down by a single C call, and the rest is for whoever comes next, if need be."""
        goes_on = False
        try:
            if for_bodies and call.abandoned:
                slots.keep_for_bodies(call)
                call.when_bodies_end(partial(slots.end_of_bodies, holder))
                goes_on = True
        finally:
            try:
                if not goes_on:
                    over.append(holder)
            finally:
                forget(call.number, None)
                loops.pop(call.number, None)
                slots.settle()
                slots.serve()

    async def run(call: Call, proceed: Proceed) -> Any:
        holder = os.urandom(8).hex()
        try:
            if call.is_async:
                loops[call.number] = loop_here()
            await enter(call, holder)
            return await proceed(call)
        finally:
            try:
                leave(call, holder)
            finally:  # where an interrupt came before that had begun
                forget(call.number, None)

    async def stream(call: Call, proceed: ProceedStream) -> AsyncIterator[Any]:
        holder = os.urandom(8).hex()
        try:
            if call.is_async:
                loops[call.number] = loop_here()
            await enter(call, holder)
            async for item in proceed(call):
                yield item
        finally:
            try:
                leave(call, holder)
            finally:
                forget(call.number, None)

    return Layer("limits", Order.LIMIT, run=run, stream=stream)
