"""The plugin: a layer around every task that asks for retries."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from pegboard import Layer, Order, hookimpl
from pegboard_retry._budget import RetryBudget
from pegboard_retry._judging import is_timed, judge
from pegboard_retry._option import Retry
from pegboard_retry._resuming import resumer

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
        option.check(task)  # of a session's default option nobody has asked yet
        return _layer(task, option)


def _layer(task: Task[..., Any], option: Retry) -> Layer:
    decide, timed = judge(option), is_timed(option)
    shared = option.budget if isinstance(option.budget, RetryBudget) else None
    resumed = resumer(task, option.resume_from)

    async def wait(call: Call, error: Exception, delay: float) -> None:
        call.emit("on_retry", call.attempt, error, delay)
        if delay > 0:
            await call.sleep(delay)

    async def run(call: Call, proceed: Proceed) -> Any:
        began = call.session.clock.monotonic() if timed else 0.0
        retry = 0
        while True:
            try:
                value = await proceed(call)
            except Exception as error:
                retry += 1
                delay = decide(retry, error, call, began)
                if delay is None:
                    raise
                failure = error
            else:
                if shared is not None:
                    shared.give()
                return value
            # Outside the handler, so that a later failure does not carry this one as its context.
            await wait(call, failure, delay)
            del failure

    async def stream(call: Call, proceed: ProceedStream) -> AsyncIterator[Any]:
        began = call.session.clock.monotonic() if timed else 0.0
        retry, count, current = 0, 0, call
        last = None
        while True:
            try:
                async for item in proceed(current):
                    last, count = item, count + 1
                    yield item
            except Exception as error:
                retry += 1
                again = count == 0 or resumed is not None
                delay = decide(retry, error, call, began) if again else None
                if delay is None:
                    raise
                failure = error
            else:
                if shared is not None:
                    shared.give()
                return
            await wait(call, failure, delay)
            del failure
            if count and resumed is not None:
                current = resumed(call, last, count)

    return Layer("retry", Order.RETRY, run=run, stream=stream)
