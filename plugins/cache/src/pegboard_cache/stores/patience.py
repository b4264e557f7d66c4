"""How long a store is waited for: about as long as it takes when it is well."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from pegboard_cache.stores.load import Load

_FACTOR = 4.0
_DECAY = 0.95
_BYTES_PER_SECOND = 1_000_000.0


class Patience:
    """Learns how quick a store is.

    Args:
        first: Seconds for the first answer, before anything is known.
        least: Seconds at least, however quick it is.
        most: Seconds at most.
        on_load: Seconds at least on a machine that has more to do than it can; four times as many for the first answer.
    """

    def __init__(self, first: float, least: float, most: float, on_load: float = 0.0) -> None:
        self._first = first
        self._least = least
        self._most = most
        self._on_load = on_load
        self._load = Load()
        self._slowest: float | None = None

    @property
    def is_known(self) -> bool:
        """Whether there was an answer."""
        return self._slowest is not None

    def seconds(self, size: int = 0) -> float:
        """How long to wait for an answer; longer for many bytes."""
        is_high = self._load.is_high()
        first = max(self._first, self._on_load * _FACTOR) if is_high else self._first
        known = first if self._slowest is None else self._slowest * _FACTOR
        least = max(self._least, self._on_load) if is_high else self._least
        return min(max(known, least), self._most) + size / _BYTES_PER_SECOND

    def took(self, seconds: float) -> None:
        """Learn of an answer: the slowest of late counts."""
        before = self._slowest
        self._slowest = seconds if before is None else max(seconds, before * _DECAY)


class Prompt:
    """Runs commands that cannot be told how long they may take, each in a thread, which is left behind when it takes too long.

    Args:
        patience: Learns from every answer, late ones included.
    """

    def __init__(self, patience: Patience) -> None:
        self.patience = patience

    def run(self, command: Callable[..., Any], *args: Any, size: int = 0) -> Any:
        """Return what the command does.

        Raises:
            TimeoutError: It takes longer than the store does when it is well; it goes on.
            Exception: Whatever it raises.
        """
        errand = _Errand(self.patience, command, args)
        seconds = self.patience.seconds(size)
        threading.Thread(target=errand.run, name="pegboard-cache-store", daemon=True).start()
        if not errand.is_done.wait(seconds):
            raise TimeoutError(f"no answer within {seconds:.3g} s")
        return errand.result()


class _Errand:
    """One command in a thread of its own."""

    def __init__(self, patience: Patience, command: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.is_done = threading.Event()
        self._patience = patience
        self._command = command
        self._args = args
        self._value: Any = None
        self._error: BaseException | None = None

    def run(self) -> None:
        begun = time.monotonic()
        try:
            self._value = self._command(*self._args)
        except FileNotFoundError as error:  # an answer as well
            self._error = error
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            self._error = error
            return
        finally:
            if self._error is None or isinstance(self._error, FileNotFoundError):
                self._patience.took(time.monotonic() - begun)
            self.is_done.set()

    def result(self) -> Any:
        error, self._error = self._error, None
        try:
            if error is not None:
                raise error
            return self._value
        finally:
            del error
