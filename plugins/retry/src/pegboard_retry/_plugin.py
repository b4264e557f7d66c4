"""The plugin: a layer around every task that asks for retries, which decides after every failure whether to run again."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pegboard import Layer, Order, PegboardError, hookimpl
from pegboard.parts.signatures import refuse_unfit
from pegboard_retry._backoff import Backoff, delay_of
from pegboard_retry._option import Retry, RetryBudget

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pegboard import Call, Session, Task
    from pegboard.clock import Clock
    from pegboard.layers import Proceed, ProceedStream
    from pegboard_retry._option import Resume


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
        _refuse_functions_that_cannot_answer(option, task.name)
        return _RetriedCalls(task, option).layer()


def _refuse_functions_that_cannot_answer(option: Retry, task: str) -> None:
    """Refuse them now: when the task fails, their errors would leave in place of its own."""
    if callable(option.wait) and not isinstance(option.wait, Backoff):
        refuse_unfit(option.wait, "retry_state", what="Retry(wait=...)", plugin="retry", task=task)
    for name, errors in (("on", option.on), ("unless", option.unless)):
        if not isinstance(errors, tuple | type):
            refuse_unfit(errors, "error", what=f"Retry({name}=...)", plugin="retry", task=task)
    if callable(option.resume_from):
        refuse_unfit(
            option.resume_from, "item", "number", what="Retry(resume_from=...)", plugin="retry", task=task
        )


class _RetriedCalls:
    """The layer around one task."""

    __slots__ = ("_decide", "_is_timed", "_overlap", "_resumed", "_shared")

    def __init__(self, task: Task[..., Any], option: Retry) -> None:
        self._decide = _decider(option)
        self._is_timed = _is_timed(option)
        self._overlap = option.overlap
        self._shared = option.budget if isinstance(option.budget, RetryBudget) else None
        self._resumed = _resumer(task, option.resume_from)

    def layer(self) -> Layer:
        return Layer("retry", Order.RETRY, run=self._run, stream=self._stream)

    async def _run(self, call: Call, proceed: Proceed) -> Any:
        began = call.session.clock.monotonic() if self._is_timed else 0.0
        retry = call.attempt  # a resumed call goes on counting
        while True:
            before = call.attempt
            try:
                value = await proceed(call)
            except Exception as error:
                retry += 1
                delay = self._decide(retry, error, call, began)
                if delay is None:
                    raise
                failure = error
            else:
                if self._shared is not None:
                    self._shared.give()
                return value
            # Outside the handler, so that a later failure does not carry this one as its context.
            await self._wait(call, before, failure, delay)
            del failure

    async def _stream(self, call: Call, proceed: ProceedStream) -> AsyncIterator[Any]:
        began = call.session.clock.monotonic() if self._is_timed else 0.0
        retry, count, current = call.attempt, 0, call
        last = None
        while True:
            before = call.attempt
            try:
                async for item in proceed(current):
                    last, count = item, count + 1
                    yield item
            except Exception as error:
                retry += 1
                again = count == 0 or self._resumed is not None
                delay = self._decide(retry, error, call, began) if again else None
                if delay is None:
                    raise
                failure = error
            else:
                if self._shared is not None:
                    self._shared.give()
                return
            await self._wait(call, before, failure, delay)
            del failure
            if count and self._resumed is not None:
                current = self._resumed(call, last, count)

    async def _wait(self, call: Call, before: int, error: Exception, delay: float) -> None:
        """Tell of the retry, and wait; `before` is how many attempts there had been before the one that failed."""
        ran = call.attempt > before
        call.emit("on_retry", before + 1, error, delay, ran)
        if not self._overlap and call.abandoned:
            await call.bodies_end()
        if delay > 0:
            await call.sleep(delay)


Decide = Callable[[int, Exception, "Call", float], "float | None"]
"""Takes the retry's number, from 1, the error, the call and when it began; answers seconds, or None to give up."""


def _decider(option: Retry) -> Decide:
    """Make the function that decides for one option."""
    wants, delay, retries = option.wants(), delay_of(option.wait), option.retries
    named = tuple(kind for kind in _classes(option.on) if issubclass(kind, PegboardError))
    shared = option.budget if isinstance(option.budget, RetryBudget) else None
    budget = shared.seconds if shared is not None else option.budget
    most = math.inf if budget is None or isinstance(budget, RetryBudget) else budget

    def decide(retry: int, error: Exception, call: Call, began: float) -> float | None:
        if retry > retries or not wants(error) or call.time_left == 0:
            return None
        clock = call.session.clock
        if isinstance(error, PegboardError) and not error.retryable and not isinstance(error, named):
            return None
        wait = _asked_for(error, clock)
        if wait is None:
            wait = delay(retry, error)
        if most < math.inf and clock.monotonic() - began + wait > most:
            return None
        if shared is not None and not shared.take():
            return None
        return wait

    return decide


def _is_timed(option: Retry) -> bool:
    """Whether the decision needs to know when the call began."""
    budget = option.budget.seconds if isinstance(option.budget, RetryBudget) else option.budget
    return budget is not None


def _asked_for(error: Exception, clock: Clock) -> float | None:
    """Read the wait that an error asks for, in seconds; None for none, and for what means nothing."""
    asked = getattr(error, "retry_after", None)
    if isinstance(asked, str):
        asked = _from_header(asked)
    if isinstance(asked, timedelta):
        asked = asked.total_seconds()
    elif isinstance(asked, datetime):
        asked = None if asked.tzinfo is None else max(asked.timestamp() - clock.time(), 0.0)
    if isinstance(asked, bool) or not isinstance(asked, int | float):
        return None
    return float(asked) if math.isfinite(asked) and asked >= 0 else None


def _from_header(text: str) -> float | datetime | None:
    """Read what HTTP's `Retry-After` may hold: seconds, or a date."""
    try:
        return float(text)
    except ValueError:
        pass
    from email.utils import parsedate_to_datetime

    try:
        return parsedate_to_datetime(text)
    except ValueError:
        return None


def _classes(on: object) -> tuple[type, ...]:
    return on if isinstance(on, tuple) else (on,) if isinstance(on, type) else ()


def _resumer(task: Task[..., Any], resume_from: Resume | None) -> Callable[[Call, Any, int], Call] | None:
    """Make the function that gives the call for the rest, of the call, the last item and the number of items."""
    if resume_from is None:
        return None
    signature = task.signature

    def changes(call: Call, last: Any, count: int) -> Mapping[str, Any]:
        if isinstance(resume_from, str):
            return {resume_from: call.inputs[resume_from] + count}
        return resume_from(last, count)

    def resumed(call: Call, last: Any, count: int) -> Call:
        bound = signature.bind_partial(*call.args, **call.kwargs)
        bound.apply_defaults()
        for name, value in changes(call, last, count).items():
            if name not in signature.parameters:
                raise TypeError(f"resume_from gave {name!r}, which is no parameter of task {task.name!r}.")
            bound.arguments[name] = value
        return call.with_args(*bound.args, **bound.kwargs)

    return resumed
