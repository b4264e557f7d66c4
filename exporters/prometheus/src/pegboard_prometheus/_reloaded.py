"""Values from files that are replaced while programs run: renewed certificates, rotated tokens."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

from pegboard import ConfigError
from pegboard.parts import new_lock

_log = logging.getLogger("pegboard.prometheus")
_Version = tuple[tuple[int, int, int] | None, ...]
T = TypeVar("T")


class Reloaded(Generic[T]):
    """A value that is read again when one of its files changes.

    While it cannot be read, the last value holds: half of a renewal is there, say, and the next change is another chance.

    Args:
        files: None for a value that never changes.
        read: Returns the value, or raises ConfigError.
        noun: What it is, for the warning.

    Raises:
        ConfigError: It cannot be read the first time.
    """

    def __init__(self, files: Sequence[Path], read: Callable[[], T], noun: str) -> None:
        self._files = files
        self._read = read
        self._noun = noun
        self._guard = new_lock()
        self._version = self._current_version()  # before reading: a change in between is then seen later
        self._value = read()

    def get(self) -> T:
        """Return the current value."""
        with self._guard:
            version = self._current_version()
            if version != self._version:
                self._version = version
                self._read_again()
            return self._value

    def _read_again(self) -> None:
        try:
            self._value = self._read()
        except ConfigError as error:
            _log.warning("%s\nThe last %s holds until then.", error, self._noun)

    def _current_version(self) -> _Version:
        return tuple(_version(file) for file in self._files)


def _version(file: Path) -> tuple[int, int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
