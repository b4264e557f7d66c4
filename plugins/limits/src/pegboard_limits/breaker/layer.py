"""What happens around a task that has a breaker."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

from pegboard import DeadlineExceeded, Layer, Order, TaskTimeout

if TYPE_CHECKING:
    from pegboard import Call, Session
    from pegboard.layers import Proceed, ProceedStream
    from pegboard.parts.measuring import Gauge
    from pegboard_limits.breaker.state import BreakerState, Change

Tell = Callable[["Call", "Change | None"], None]
_LEVELS = {"closed": 0, "half_open": 1, "open": 2}


def breaker_layer(session: Session, state: BreakerState, counts: Callable[[Exception], bool]) -> Layer:
    """Make the layer: what an attempt through a closed breaker needs is resolved here."""
    failed, over = state.failed, state.over.append
    gauge = _gauge_of_breakers(session).labels(pegboard_breaker_name=state.name)
    gauge.set(_LEVELS[state.record().state])
    tell = _teller(state, gauge)

    async def run(call: Call, proceed: Proceed) -> Any:
        number, attempt = call.number, call.attempt
        epoch: int | None = state.epoch if state.closed else None
        try:
            if epoch is None:
                epoch = _admitted(state, tell, call)
            value = await proceed(call)
        except BaseException as error:
            if epoch is not None:
                _note_error(state, counts, tell, call, epoch, error, begun=call.attempt > attempt)
            raise
        else:
            if failed:
                tell(call, state.succeeded(epoch))
            return value
        finally:
            if not state.closed:
                over(number)

    async def stream(call: Call, proceed: ProceedStream) -> AsyncIterator[Any]:
        number, attempt, yielded = call.number, call.attempt, False
        epoch: int | None = state.epoch if state.closed else None
        try:
            if epoch is None:
                epoch = _admitted(state, tell, call)
            async for item in proceed(call):
                yielded = True
                yield item
        except BaseException as error:
            if epoch is None:
                raise
            if yielded and isinstance(
                error, GeneratorExit
            ):  # its consumer had enough; what came shows that it works
                tell(call, state.succeeded(epoch))
            else:
                _note_error(state, counts, tell, call, epoch, error, begun=call.attempt > attempt)
            raise
        else:
            if failed:
                tell(call, state.succeeded(epoch))
        finally:
            if not state.closed:
                over(number)

    return Layer("limits", Order.BREAKER, run=run, stream=stream)


def _admitted(state: BreakerState, tell: Tell, call: Call) -> int:
    epoch, change = state.admit(call)
    tell(call, change)
    return epoch


def _note_error(
    state: BreakerState,
    counts: Callable[[Exception], bool],
    tell: Tell,
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
        tell(call, state.failure(epoch))
    else:
        tell(call, state.succeeded(epoch))


def _out_of_time(call: Call, error: Exception) -> bool:
    """Whether a time limit from outside the attempt ended it: a coroutine is cancelled then, a function gets this error."""
    if not isinstance(error, TaskTimeout) or error.task != call.task.name:
        return False
    return isinstance(error, DeadlineExceeded) or not error.retryable


def _gauge_of_breakers(session: Session) -> Gauge:
    """Return what shows the states."""
    return session.measure(
        "gauge",
        "pegboard_breaker_state",
        "State of a circuit breaker: 0 closed, 1 half open, 2 open.",
        ("pegboard_breaker_name",),
    )


def _teller(state: BreakerState, gauge: Gauge) -> Tell:
    def tell(call: Call, change: Change | None) -> None:
        if change is not None:
            gauge.set(_LEVELS[change.state])
            call.emit("on_breaker_change", state.name, change.state, change.previous)

    return tell
