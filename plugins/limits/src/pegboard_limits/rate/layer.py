"""What happens around a task that has a rate limit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Protocol

from pegboard import Layer, Order
from pegboard_limits._errors import LimitExceeded

if TYPE_CHECKING:
    from pegboard import Call
    from pegboard.layers import Proceed, ProceedStream
    from pegboard_limits.rate.bucket import Bucket, Turn


class TurnGiver(Protocol):
    """A bucket, wherever it is kept."""

    @property
    def name(self) -> str:
        """As events and errors call it."""

    def give_back(self, at: float) -> None:
        """Return a turn that will not be used."""


def rate_layer(bucket: Bucket, max_wait: float | None) -> Layer:
    """Make the layer: every attempt takes a turn, and waits until it has come."""
    take = bucket.take

    async def run(call: Call, proceed: Proceed) -> Any:
        turn = take(max_wait)
        if turn is not None:
            await wait_for_turn(bucket, call, turn, max_wait)
        return await proceed(call)

    async def stream(call: Call, proceed: ProceedStream) -> AsyncIterator[Any]:
        turn = take(max_wait)
        if turn is not None:
            await wait_for_turn(bucket, call, turn, max_wait)
        async for item in proceed(call):
            yield item

    return Layer("limits", Order.RATE, run=run, stream=stream)


async def wait_for_turn(bucket: TurnGiver, call: Call, turn: Turn, max_wait: float | None) -> None:
    """Wait until a turn comes that was taken already.

    Raises:
        LimitExceeded: It would come too late, and was not taken.
    """
    if turn.at is None:
        raise _too_late(bucket.name, call, turn.wait, max_wait)
    monotonic = call.session.clock.monotonic
    began = monotonic()
    try:
        await call.sleep(turn.wait)
    except BaseException:  # cancelled, interrupted, or out of time
        bucket.give_back(turn.at)
        raise
    call.emit("on_wait", bucket.name, monotonic() - began)


def _too_late(name: str, call: Call, wait: float, max_wait: float | None) -> LimitExceeded:
    """Say that the next turn comes too late for a call."""
    task = call.task.name
    return LimitExceeded(
        f"task {task!r} was not run: the next turn of rate limit {name!r} comes in {wait:.3g} s, and it may wait {max_wait:g} s.\n"
        f"Call less often, or raise the rate or its max_wait.",
        name=name,
        task=task,
        max_wait=max_wait,
        retry_after=wait,
    )
