"""What happens around a task that has a rate limit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from pegboard import Layer, Order
from pegboard_limits._errors import LimitExceeded

if TYPE_CHECKING:
    from pegboard import Call
    from pegboard.layers import Proceed, ProceedStream
    from pegboard_limits.rate.bucket import Bucket, Turn


def rate_layer(bucket: Bucket, max_wait: float | None) -> Layer:
    """Make the layer: every attempt takes a turn, and waits until it has come; one that does not begin gives it back."""
    take, used, unused = bucket.take, bucket.taken.pop, bucket.unused.append

    async def run(call: Call, proceed: Proceed) -> Any:
        number, before = call.number, call.attempt
        try:
            turn = take(max_wait, number)
            if turn is not None:
                await wait_for_turn(bucket.name, call, turn, max_wait)
            return await proceed(call)
        finally:
            if call.attempt == before:
                unused(number)
            else:
                used(number, None)

    async def stream(call: Call, proceed: ProceedStream) -> AsyncIterator[Any]:
        number, before = call.number, call.attempt
        try:
            turn = take(max_wait, number)
            if turn is not None:
                await wait_for_turn(bucket.name, call, turn, max_wait)
            async for item in proceed(call):
                yield item
        finally:
            if call.attempt == before:
                unused(number)
            else:
                used(number, None)

    return Layer("limits", Order.RATE, run=run, stream=stream)


async def wait_for_turn(name: str, call: Call, turn: Turn, max_wait: float | None) -> None:
    """Wait until a turn comes that was taken already.

    Raises:
        LimitExceeded: It would come too late, and was not taken.
    """
    if turn.at is None:
        raise _too_late(name, call, turn.wait, max_wait)
    monotonic = call.session.clock.monotonic
    began = monotonic()
    await call.sleep(turn.wait)
    call.emit("on_wait", name, monotonic() - began)


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
