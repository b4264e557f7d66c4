"""A circuit breaker: leaves a store alone that makes its callers wait, so that it does not hold up every call."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

SECONDS = 5.0


class CircuitBreaker:
    """Asks a store, unless it has just kept somebody waiting in vain.

    Args:
        is_slow: Whether a failure is one, by the error and the seconds that it took.
    """

    def __init__(self, is_slow: Callable[[Exception, float], bool]) -> None:
        self._is_slow = is_slow
        self._until = -math.inf

    def call(self, command: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Return what `command` does.

        Raises:
            ConnectionError: The store is left alone; nothing was asked.
            Exception: Whatever `command` raises.
        """
        begun = time.monotonic()
        if begun < self._until:
            raise ConnectionError(f"it did not answer in time, and is left alone for {SECONDS:g} s")
        try:
            return command(*args, **options)
        except Exception as error:
            ended = time.monotonic()
            if self._is_slow(error, ended - begun):
                self._until = ended + SECONDS
            raise
