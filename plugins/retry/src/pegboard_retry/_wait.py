"""Turning the `wait` of an option into seconds."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pegboard_retry._backoff import Backoff

if TYPE_CHECKING:
    from pegboard_retry._option import Retry, TenacityWait

Delay = Callable[[int, Exception], float]


def delay_of(option: Retry) -> Delay:
    """Return a function of the retry's number, from 1, and the error, that gives seconds."""
    wait = option.wait
    if isinstance(wait, Backoff):
        return lambda retry, _: wait.delay(retry)
    if callable(wait):
        return _through_tenacity(wait)
    return lambda _, __: wait


def _through_tenacity(wait: TenacityWait) -> Delay:
    def delay(retry: int, error: Exception) -> float:
        from tenacity import Future, RetryCallState, Retrying

        state = RetryCallState(retry_object=Retrying(), fn=None, args=(), kwargs={})
        state.attempt_number = retry
        state.outcome = Future.construct(retry, error, has_exception=True)
        return float(wait(state))

    return delay
