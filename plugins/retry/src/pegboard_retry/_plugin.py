"""The plugin: a layer around every task that asks for retries."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

from pegboard import Layer, Order, PegboardError, hookimpl
from pegboard_retry._option import Retry
from pegboard_retry._wait import delay_of

if TYPE_CHECKING:
    from pegboard import Call, Session, Task
    from pegboard.layers import Proceed, ProceedStream


class Retrying:
    """Runs a failed task again, as its `Retry` says.

    Only an `Exception` is ever retried: KeyboardInterrupt, SystemExit, cancellation and suspension pass at once. So do
    Pegboard's own errors that another attempt cannot mend, such as a missing plugin, unless `on` names them.
    """

    name = "retry"

    @hookimpl
    def bind(self, session: Session, task: Task[..., Any]) -> Layer | None:  # noqa: ARG002 - pluggy's names
        """Put a layer around a task that has a `Retry`."""
        option = task.option(Retry)
        if option is None or option.retries == 0:
            return None
        return _layer(option)


def _layer(option: Retry) -> Layer:
    retries = option.retries
    next_wait = _judge(option)

    async def run(call: Call, proceed: Proceed) -> Any:
        retry = 0
        while True:
            try:
                return await proceed(call)
            except Exception as error:
                retry += 1
                delay = next_wait(retry, error) if retry <= retries else None
                if delay is None:
                    raise
                failure = error
            # Outside the handler, so that a later failure does not carry this one as its context.
            call.emit("on_retry", call.attempt, failure, delay)
            del failure
            if delay > 0:
                await call.sleep(delay)

    async def stream(call: Call, proceed: ProceedStream) -> AsyncIterator[Any]:
        retry = 0
        while True:
            begun = False
            try:
                async for item in proceed(call):
                    begun = True
                    yield item
                return
            except Exception as error:
                retry += 1
                delay = next_wait(retry, error) if retry <= retries and not begun else None
                if delay is None:
                    raise
                failure = error
            call.emit("on_retry", call.attempt, failure, delay)
            del failure
            if delay > 0:
                await call.sleep(delay)

    return Layer("retry", Order.RETRY, run=run, stream=stream)


def _judge(option: Retry) -> Callable[[int, Exception], float | None]:
    """Return a function that gives the wait before a retry, or None where there is to be none."""
    wants, delay = option.wants(), delay_of(option)
    named = tuple(kind for kind in _classes(option.on) if issubclass(kind, PegboardError))

    def next_wait(retry: int, error: Exception) -> float | None:
        hopeless = isinstance(error, PegboardError) and not error.retryable and not isinstance(error, named)
        if hopeless or not wants(error):
            return None
        return delay(retry, error)

    return next_wait


def _classes(on: object) -> tuple[type, ...]:
    return on if isinstance(on, tuple) else (on,) if isinstance(on, type) else ()
