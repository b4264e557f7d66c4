"""A rate limit that is kept in a store, for all processes."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from pegboard import Layer, Order
from pegboard_limits.rate.bucket import Turn
from pegboard_limits.rate.layer import wait_for_turn
from pegboard_limits.store.scripts import GIVE_TURN_BACK, TAKE_TURN

if TYPE_CHECKING:
    from pegboard import Call
    from pegboard.layers import Proceed, ProceedStream
    from pegboard_limits.rate.option import RateLimit
    from pegboard_limits.store.connection import Connection
    from pegboard_limits.store.redis_store import RedisStore


class SharedBucket:
    """The token bucket of `Bucket`, with its one time in a store and counted by the store's clock.

    Attributes:
        name: As events and errors call it.
    """

    def __init__(self, name: str, option: RateLimit, store: RedisStore, identity: str) -> None:
        self.name = name
        self._store = store
        self._keys = store.keys("rate", identity, ("full", "spare"))
        each = option.seconds / option.number * 1e6
        self._pace = [each, each * (option.burst or option.number)]

    async def take(self, call: Call, max_wait: float | None) -> Turn | None:
        """Take the next turn; None when it has come already."""
        args = [*self._pace, -1 if max_wait is None else max_wait * 1e6]

        async def query(connection: Connection) -> list[str]:
            answer: list[str] = await connection.run(TAKE_TURN, self._keys, args)
            return answer

        wait, at = await self._store.query(call, self.name, query, ["0", "now"], call.time_left)
        if at == "now":
            return None
        return Turn(int(wait) / 1e6, None if at == "late" else float(at))

    def give_back(self, at: float) -> None:
        """Return a turn that will not be used."""
        unique = os.urandom(8).hex()
        self._store.send(
            self.name,
            lambda connection: connection.run(GIVE_TURN_BACK, self._keys[1:], [f"{at:.0f}", unique]),
        )


def shared_rate_layer(bucket: SharedBucket, max_wait: float | None) -> Layer:
    """Make the layer: every attempt takes a turn, and waits until it has come."""

    async def wait(call: Call) -> None:
        turn = await bucket.take(call, max_wait)
        if turn is None:
            return
        try:
            await wait_for_turn(bucket.name, call, turn, max_wait)
        except BaseException:  # cancelled, interrupted, or out of time
            if turn.at is not None:
                bucket.give_back(turn.at)
            raise

    async def run(call: Call, proceed: Proceed) -> Any:
        await wait(call)
        return await proceed(call)

    async def stream(call: Call, proceed: ProceedStream) -> AsyncIterator[Any]:
        await wait(call)
        async for item in proceed(call):
            yield item

    return Layer("limits", Order.RATE, run=run, stream=stream)
