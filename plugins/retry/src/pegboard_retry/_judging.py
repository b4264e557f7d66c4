"""Whether to try again, and after what wait."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pegboard import PegboardError
from pegboard_retry._budget import RetryBudget
from pegboard_retry._wait import delay_of

if TYPE_CHECKING:
    from pegboard import Call
    from pegboard.clock import Clock
    from pegboard_retry._option import Retry

Judge = Callable[[int, Exception, "Call", float], "float | None"]
"""Takes the retry's number, from 1, the error, the call and when it began; answers seconds, or None to give up."""


def judge(option: Retry) -> Judge:
    """Make the function that decides for one option."""
    wants, delay, retries = option.wants(), delay_of(option), option.retries
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


def is_timed(option: Retry) -> bool:
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
