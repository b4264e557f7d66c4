"""A circuit breaker: leaves a store alone that makes its callers wait, so that it does not hold up every call."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Any

from pegboard.parts import after_fork

_SLOW_SECONDS = 0.01  # a failure that costs a call more than this is not tried again at once
_GROWTH = 25.0  # a store is left alone for so many times what it cost: 4 % of the time is lost to it
_LEAST, _MOST = 0.25, 5.0


class CircuitBreaker:
    """Asks a store, unless it has just kept somebody waiting in vain.

    A failure that costs nobody time, like a refused connection or a full disk, is tried again at once.

    Args:
        probe: Asks whether the store is well again, in a thread, so that no call waits for that; it raises if not. Without,
            the next call tries.
    """

    def __init__(self, probe: Callable[[], object] | None = None) -> None:
        self._probe = probe
        self._begin_anew()
        after_fork(self._begin_anew)

    def _begin_anew(self) -> None:
        """Begin closed, also in a forked child, which has no thread that probes."""
        self._guard = threading.RLock()
        self._is_open = False
        self._prober: threading.Thread | None = None
        self._until = -math.inf

    def call(self, command: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Return what `command` does.

        Raises:
            ConnectionError: The store is left alone; nothing was asked.
            Exception: Whatever `command` raises.
        """
        if self._is_open and not self._may_try():
            raise ConnectionError("it failed a moment ago, and is left alone for a while")
        begun = time.monotonic()
        try:
            answer = command(*args, **options)
        except Exception:
            self._failed(time.monotonic() - begun)
            raise
        self._is_open = False
        return answer

    def _failed(self, seconds: float) -> None:
        if seconds > _SLOW_SECONDS:
            self._until = time.monotonic() + min(max(_LEAST, _GROWTH * seconds), _MOST)
            self._is_open = True

    def _may_try(self) -> bool:
        if time.monotonic() < self._until:
            return False
        if self._probe is None:
            return True
        with self._guard:
            if self._prober is None or not self._prober.is_alive():
                self._prober = threading.Thread(target=self._ask, name="pegboard-cache-probe", daemon=True)
                self._prober.start()
        return False

    def _ask(self) -> None:
        begun = time.monotonic()
        try:
            if self._probe is not None:
                self._probe()
        except Exception:  # noqa: BLE001 - it is not well yet
            self._failed(max(time.monotonic() - begun, 2 * _SLOW_SECONDS))
        else:
            self._is_open = False
