"""The plugin: a layer around each attempt, and one around the whole call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pegboard import DeadlineExceeded, Layer, Order, TaskTimeout, hookimpl
from pegboard_timeout._option import Deadline, Timeout

if TYPE_CHECKING:
    from pegboard import Call, Session, Task
    from pegboard.layers import Proceed


class Timeouts:
    """Stops waiting for a task that takes longer than its `Timeout` or `Deadline`.

    A coroutine is cancelled, and its `finally` blocks run first. The function of a sync task cannot be stopped: its
    caller goes on at the limit, and it goes on in a thread of its own, whose late result nobody sees.
    """

    name = "timeout"

    @hookimpl
    def bind(self, session: Session, task: Task[..., Any]) -> list[Layer]:  # noqa: ARG002 - pluggy's names
        """Put a layer around a task for each of the two options that it has."""
        layers = []
        if (deadline := task.option(Deadline)) is not None:
            layers.append(_limit("deadline", Order.DEADLINE, deadline.seconds, DeadlineExceeded))
        if (timeout := task.option(Timeout)) is not None:
            layers.append(_limit("timeout", Order.TIMEOUT, timeout.seconds, TaskTimeout))
        return layers


def _limit(name: str, order: int, seconds: float, error: type[TaskTimeout]) -> Layer:
    async def run(call: Call, proceed: Proceed) -> Any:
        async with call.timeout(seconds, error):
            return await proceed(call)

    return Layer(name, order, run)
