"""Rate limits and concurrency limits that hold within this process."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pegboard.clock import SYSTEM_CLOCK
from pegboard_limits._registry import Registry
from pegboard_limits.concurrency.layer import concurrency_layer
from pegboard_limits.concurrency.slots import Slots
from pegboard_limits.rate.bucket import Bucket
from pegboard_limits.rate.layer import rate_layer

if TYPE_CHECKING:
    from pegboard import Layer, Session, Task
    from pegboard_limits.concurrency.option import Concurrency
    from pegboard_limits.rate.option import RateLimit


class LimitsInProcess:
    """The rate limits and concurrency limits of one `Limits` without a store."""

    def __init__(self) -> None:
        self._buckets: Registry[Bucket] = Registry("rate limit")
        self._slots: Registry[Slots] = Registry("concurrency limit")

    def concurrency(self, task: Task[..., Any], option: Concurrency) -> tuple[str, Layer]:
        """Return the name of the concurrency limit that an option means, and a layer that keeps to it."""
        slots = self._slots.get(task, option, lambda name: Slots(name, option.n))
        is_async = task.kind in ("coroutine", "async_generator")
        layer = concurrency_layer(
            slots, option.max_wait, for_bodies=option.until == "body", is_async=is_async
        )
        return slots.name, layer

    def rate(self, session: Session, task: Task[..., Any], option: RateLimit) -> tuple[str, Layer]:
        """Return the name of the rate limit that an option means, and a layer that keeps to it."""
        monotonic = monotonic_of(session)
        bucket = self._buckets.get(task, option, lambda name: Bucket(name, option, monotonic))
        bucket.use_clock(monotonic)
        return bucket.name, rate_layer(bucket, option.max_wait)

    def close(self) -> None:
        """Do nothing: what is in memory needs no end."""


def monotonic_of(session: Session) -> Callable[[], float]:
    """The session's clock; the machine's own without the frame around it, which would take longer than the question."""
    clock = session.clock
    return time.monotonic if clock is SYSTEM_CLOCK else clock.monotonic
