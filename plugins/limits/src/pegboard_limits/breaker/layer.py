"""What happens around a task that has a breaker."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

from pegboard import DeadlineExceeded, Layer, Order, TaskTimeout

if TYPE_CHECKING:
    from pegboard import Call
    from pegboard.layers import Proceed, ProceedStream
    from pegboard_limits.breaker.state import BreakerState, Change


def breaker_layer(state: BreakerState, counts: Callable[[Exception], bool]) -> Layer:
    """Make the layer: what an attempt through a closed breaker needs is resolved here."""
    failed = state.failed

    async def run(call: Call, proceed: Proceed) -> Any:
        epoch = state.epoch if state.closed else _admitted(state, call)
        attempt = call.attempt
        try:
            value = await proceed(call)
        except BaseException as error:
            _note_error(state, counts, call, epoch, error, begun=call.attempt > attempt)
            raise
        if failed:
            _emit_change(state, call, state.succeeded(epoch))
        return value

    async def stream(call: Call, proceed: ProceedStream) -> AsyncIterator[Any]:
        epoch = state.epoch if state.closed else _admitted(state, call)
        attempt, yielded = call.attempt, False
        try:
            async for item in proceed(call):
                yielded = True
                yield item
        except BaseException as error:
            if yielded and isinstance(
                error, GeneratorExit
            ):  # its consumer had enough; what came shows that it works
                _emit_change(state, call, state.succeeded(epoch))
            else:
                _note_error(state, counts, call, epoch, error, begun=call.attempt > attempt)
            raise
        if failed:
            _emit_change(state, call, state.succeeded(epoch))

    return Layer("limits", Order.BREAKER, run=run, stream=stream)


def _admitted(state: BreakerState, call: Call) -> int:
    epoch, change = state.admit(call)
    try:
        _emit_change(state, call, change)
    except BaseException:  # KeyboardInterrupt in an observer
        state.gave_up(epoch)
        raise
    return epoch


def _note_error(
    state: BreakerState,
    counts: Callable[[Exception], bool],
    call: Call,
    epoch: int,
    error: BaseException,
    *,
    begun: bool,
) -> None:
    """Decide what an error says about what the task calls: it failed, it answered, or nothing."""
    if not begun or not isinstance(error, Exception) or _out_of_time(call, error):
        state.gave_up(epoch)
    elif counts(error):
        _emit_change(state, call, state.failure(epoch))
    else:
        _emit_change(state, call, state.succeeded(epoch))


def _out_of_time(call: Call, error: Exception) -> bool:
    """Whether a time limit from outside the attempt ended it: a coroutine is cancelled then, a function gets this error."""
    if not isinstance(error, TaskTimeout) or error.task != call.task.name:
        return False
    return isinstance(error, DeadlineExceeded) or not error.retryable


def _emit_change(state: BreakerState, call: Call, change: Change | None) -> None:
    if change is not None:
        call.emit("on_breaker_change", state.name, change.state, change.previous)
