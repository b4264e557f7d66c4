"""A concurrency limit that is kept in a store, for all processes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from pegboard import Layer, Order
from pegboard_limits.concurrency.layer import most_wait, refusal, wait_for_place
from pegboard_limits.concurrency.slots import Places
from pegboard_limits.store.scripts import GIVE_PLACE_BACK, TAKE_PLACE

if TYPE_CHECKING:
    from pegboard import Call
    from pegboard.layers import Proceed, ProceedStream
    from pegboard_limits.concurrency.slot import Place
    from pegboard_limits.store.connection import Line
    from pegboard_limits.store.redis_store import RedisStore

_PATIENCE = 1 / 6  # of the lease, and half a second at least: how long a silent process stays in the queue
_PAUSES = (0.005, 0.1)  # seconds between two questions for a place: at first, and at most


class SharedPlaces(Places):
    """The places of `Places`, each with a lease from a store that holds the number of leases over all processes.

    A call first waits for a place within its process, and then for the lease. A process asks for one lease at a time,
    so that many waiting calls do not ask all at once; in the store, those who ask queue up.
    """

    def __init__(self, name: str, n: int, store: RedisStore, identity: str) -> None:
        super().__init__(name, n)
        self.store = store
        self._patience = max(store.lease * _PATIENCE, 0.5)
        self._keys = store.keys("places", identity, ("held", "queue", "alive"))

    async def lease(self, call: Call, who: str, most: float | None) -> bool | None:
        """Wait for a lease; tell whether it came at once, or None when it did not come in time."""

        async def question(line: Line) -> bool | None:
            with line.asking_for(who):
                return await self._ask(line, who, most)

        return await self.store.ask(call, self.name, question, otherwise=True)

    def give_back(self, who: str) -> None:
        """Return a lease, or leave the queue for one; without waiting."""

        async def message(line: Line) -> None:
            await line.answered(who)
            line.drop(self._keys[0], who)
            await line.run(GIVE_PLACE_BACK, self._keys, [who])

        self.store.tell(self.name, message)

    async def _ask(self, line: Line, who: str, most: float | None) -> bool | None:
        turn = line.turns.setdefault(self._keys[0], asyncio.Lock())
        at_once = not turn.locked() and await self._take(line, who, 0.0 if most == 0 else self._patience)
        if not at_once:
            try:
                async with asyncio.timeout(most), turn:
                    await self._insist(line, who)
            except TimeoutError:
                return None
        line.keep(self._keys[0], who)
        return at_once

    async def _take(self, line: Line, who: str, patience: float) -> bool:
        spans = [int(self.store.lease * 1000), int(patience * 1000)]
        return bool(await line.run(TAKE_PLACE, self._keys, [who, self.n, *spans]))

    async def _insist(self, line: Line, who: str) -> None:
        pause, longest = _PAUSES
        while not await self._take(line, who, self._patience):
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, longest)


def shared_concurrency_layer(places: SharedPlaces, max_wait: float | None) -> Layer:
    """Make the layer: a call takes a place and a lease before anything else, and gives both back however it ends."""

    async def enter(call: Call, who: str) -> Place:
        monotonic = call.session.clock.monotonic
        began = monotonic()
        place = places.enter(call)
        waited = place is None
        if place is None:
            place = await wait_for_place(places, call, most_wait(call, max_wait))
        if place is None:
            raise refusal(places, call, max_wait)
        try:
            if place.lender is None:  # else the call around this one has the lease
                waited = await _lease(call, who, monotonic() - began) or waited
            if waited:
                call.emit("on_wait", places.name, monotonic() - began)
        except BaseException:
            leave(call, place, who)
            raise
        return place

    async def _lease(call: Call, who: str, spent: float) -> bool:
        most = most_wait(call, None if max_wait is None else max(max_wait - spent, 0.0))
        at_once = await places.lease(call, who, most)
        if at_once is None:
            raise refusal(places, call, max_wait)
        return not at_once

    def leave(call: Call, place: Place, who: str) -> None:
        if place.lender is None:
            places.give_back(who)
        places.leave(call.number, place)

    async def run(call: Call, proceed: Proceed) -> Any:
        who = os.urandom(8).hex()
        place = await enter(call, who)
        try:
            return await proceed(call)
        finally:
            leave(call, place, who)

    async def stream(call: Call, proceed: ProceedStream) -> AsyncIterator[Any]:
        who = os.urandom(8).hex()
        place = await enter(call, who)
        try:
            async for item in proceed(call):
                yield item
        finally:
            leave(call, place, who)

    return Layer("limits", Order.LIMIT, run=run, stream=stream)
