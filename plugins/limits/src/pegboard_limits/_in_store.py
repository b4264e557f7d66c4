"""Rate limits and concurrency limits that hold across processes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pegboard_limits._registry import Registry
from pegboard_limits.concurrency.shared import SharedSlots, shared_concurrency_layer
from pegboard_limits.rate.shared import SharedBucket, shared_rate_layer

if TYPE_CHECKING:
    from pegboard import Layer, Session, Task
    from pegboard_limits.concurrency.option import Concurrency
    from pegboard_limits.rate.option import RateLimit
    from pegboard_limits.store.redis_store import RedisStore


class LimitsInStore:
    """The rate limits and concurrency limits of one `Limits` with a store."""

    def __init__(self, store: RedisStore) -> None:
        self._store = store
        self._buckets: Registry[SharedBucket] = Registry("rate limit")
        self._slots: Registry[SharedSlots] = Registry("concurrency limit")

    def concurrency(self, task: Task[..., Any], option: Concurrency) -> tuple[str, Layer]:
        """Return the name of the concurrency limit that an option means, and a layer that keeps to it."""
        identity = _identity(task, option)
        slots = self._slots.get(task, option, lambda name: SharedSlots(name, option.n, self._store, identity))
        return slots.name, shared_concurrency_layer(slots, option.max_wait, for_bodies=option.until == "body")

    def rate(self, _: Session, task: Task[..., Any], option: RateLimit) -> tuple[str, Layer]:
        """Return the name of the rate limit that an option means, and a layer that keeps to it."""
        identity = _identity(task, option)
        bucket = self._buckets.get(
            task, option, lambda name: SharedBucket(name, option, self._store, identity)
        )
        return bucket.name, shared_rate_layer(bucket, option.max_wait)

    def close(self) -> None:
        """End the connection; it is made again when it is needed."""
        self._store.close()


def _identity(task: Task[..., Any], option: Concurrency | RateLimit) -> str:
    """Name a rate limit or concurrency limit so that other processes mean the same: by its name, or by where the task's function is."""
    if option.name is not None:
        return f"name:{option.name}"
    settings = "/".join(f"{each:g}" if isinstance(each, float) else f"{each}" for each in option.settings)
    return f"task:{task.__module__}:{task.__qualname__}:{task.name}:{settings}"
