"""Until when a call may take: set by a layer, and handed down to the calls that are made meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from pegboard.calls.side_threads import SIDE_THREADS, GaveUp
from pegboard.layers import Layer, Order

if TYPE_CHECKING:
    import asyncio

    from pegboard.calls.call import Call
    from pegboard.clock import Clock
    from pegboard.errors import TaskTimeout
    from pegboard.layers import Proceed, ProceedStream

limit_in_force: ContextVar[Limit | None] = ContextVar("pegboard_limit", default=None)


class Limit:
    """Until when a call, and every call made inside it, may take.

    Attributes:
        at: The end, in the clock's monotonic seconds.
        seconds: How long that was from the beginning.
        task, number: Whose limit it is: the task's name, the number of the call.
        lifted: Whether that call ended in time. What it left behind, in a thread or a stream, is free again.
        outer: The limit around this one that ends earlier, and is the one to name when it does; or None.
        around: The limit around this one, whichever of them ends earlier; or None.
        timer: What cancels an async call at the end; or None.
        begun: Whether it has been waited for the function to begin elsewhere.
    """

    def __init__(self, call: Call, seconds: float, error: type[TaskTimeout]) -> None:
        self.clock: Clock = call.session.clock
        self.at = self.clock.monotonic() + seconds
        self.seconds = seconds
        self.error = error
        self.task = call.task.name
        self.number = call.number
        self.lifted = False
        self.begun = False
        self.outer: Limit | None = None
        self.around: Limit | None = None
        self.timer: asyncio.Timeout | None = None

    def shorten(self, outer: Limit | None) -> None:
        """End no later than a limit that is in force already."""
        self.around = outer
        if outer is not None and not outer.lifted and outer.at <= self.at:
            self.at = outer.at
            self.outer = outer

    def left(self) -> float:
        """Return the seconds until the end; less than 0 after it."""
        return self.at - self.clock.monotonic()

    def left_for(self, call: Call) -> float:
        """Return the seconds that are left for a call's function.

        Raises:
            TaskTimeout: None are. The function is not run, so this is no attempt.
        """
        left = self.left()
        if left <= 0 and not self.lifted:
            raise self.exceeded(call)
        return left

    def exceeded(self, call: Call) -> TaskTimeout:
        """Make the error to raise at the limit."""
        if self.outer is not None:
            return self.outer.exceeded(call)
        name = call.task.name
        if self.number == call.number:
            text = f"task {name!r} took longer than its {self.error.label} of {self.seconds:g} s."
            return self.error(text, task=name, seconds=self.seconds)
        text = (
            f"task {name!r} has no time left: task {self.task!r}, which called it, took longer than its "
            f"{self.error.label} of {self.seconds:g} s."
        )
        return self.error(text, task=name, seconds=self.seconds, retryable=False)


def run_within(limit: Limit, left: float, call: Call, function: Callable[..., Any]) -> Any:
    """Run the function of a sync call in a thread of its own, and stop waiting for it after `left` seconds.

    A limit that was handed down has such a thread already, with somebody waiting for it.
    """
    if (
        limit.number != call.number or call.plan.place is not None
    ):  # who runs it elsewhere waits no longer than that
        return function(*call.args, **call.kwargs)
    try:
        return SIDE_THREADS.run(lambda: function(*call.args, **call.kwargs), left, call.number)
    except GaveUp:
        raise limit.exceeded(call) from None


async def _run(call: Call, proceed: Proceed) -> Any:
    call.time_limit = _handed_down(call)
    return await proceed(call)


async def _stream(call: Call, proceed: ProceedStream) -> AsyncIterator[Any]:
    call.time_limit = _handed_down(call)
    async for item in proceed(call):
        yield item
        _handed_down(call)


def _handed_down(call: Call) -> Limit | None:
    """Return the limit of the calls around this one, unless it was lifted.

    Raises:
        TaskTimeout: It has passed.
    """
    limit = limit_in_force.get()
    if limit is None or limit.lifted:
        return None
    if limit.left() <= 0:
        raise limit.exceeded(call)
    return limit


# Around everything that may wait, so that waits keep to the limit too. Each attempt of a sync task is held against it again
# in `run_within`; an async one is cancelled together with the call that has the limit.
HAND_DOWN = Layer("limit of an outer call", Order.LIMIT - 1, run=_run, stream=_stream)
