"""Keeps tasks from overrunning what they call: breakers, rates, slots."""

from __future__ import annotations

from pegboard_limits._errors import BreakerOpen, LimitExceeded, LimitStoreError
from pegboard_limits._plugin import Limits
from pegboard_limits.breaker.option import Breaker
from pegboard_limits.breaker.state import BreakerRecord
from pegboard_limits.concurrency.option import Concurrency
from pegboard_limits.rate.option import RateLimit

__all__ = [
    "Breaker",
    "BreakerOpen",
    "BreakerRecord",
    "Concurrency",
    "LimitExceeded",
    "LimitStoreError",
    "Limits",
    "RateLimit",
]
