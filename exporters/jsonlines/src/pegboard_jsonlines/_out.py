"""What all ways out have in common: a line that cannot be written is counted, and said once."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod

from pegboard.parts import new_rlock

_log = logging.getLogger("pegboard.jsonlines")


class Dropped:
    """How many lines of one plugin could not be written: in all its sessions, also after their end."""

    def __init__(self) -> None:
        self.number = 0
        self._guard = new_rlock()

    def add(self) -> None:
        """Count one more."""
        with self._guard:
            self.number += 1


class Out(ABC):
    """Where lines go.

    A task never notices what is wrong here. The first failure is logged, and how many lines were lost when it is closed.

    Args:
        name: How messages call it.
        in_all: Counts what is dropped for the plugin, too; a call that ends after its session has nowhere to go.

    Attributes:
        name: How messages call it.
        dropped: How many lines could not be written.
    """

    def __init__(self, name: str, in_all: Dropped) -> None:
        self.name = name
        self._in_all = in_all
        self.dropped = 0
        self._said: set[str] = set()
        self._guard = new_rlock()

    def write(self, line: str, now: float) -> None:
        """Write one line at the wall-clock time `now`; never raises an Exception."""
        try:
            self._put(line, now)
        except Exception as error:  # noqa: BLE001 - of a full disk, a closed pipe, or anybody's stream
            with self._guard:
                self.dropped += 1
            self._in_all.add()
            self._say("cannot write to %s: %s; tasks go on, and lines that are lost are counted", error)

    def close(self) -> None:
        """Say how much was lost."""
        if self.dropped:
            _log.warning("%d lines were not written to %s", self.dropped, self.name)

    @abstractmethod
    def _put(self, line: str, now: float) -> None:
        """Write one line, or raise."""

    def _say(self, message: str, error: Exception) -> None:
        """Log what went wrong, the first time that it does."""
        if message not in self._said:
            self._said.add(message)
            _log.warning(message, self.name, getattr(error, "strerror", None) or type(error).__name__)
