"""What has begun in a process ends in that process, and in no other."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

from pegboard.parts.forks import after_fork

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class ProcessLocal(Generic[Key, Value]):
    """What a plugin has begun in this process, for each of its sessions, and what is to be ended, written or sent once.

    A forked child has begun nothing. So a session that ends there, though it began in the parent, finds nothing here, and does
    nothing of what is the parent's to do: neither close, nor write, nor send. What the child itself begins is the child's.
    Items of a `Background` follow the same rule: each process sends those that were put there.
    """

    def __init__(self) -> None:
        self._begin_anew()
        after_fork(self._begin_anew)

    def _begin_anew(self) -> None:
        self._values: dict[Key, Value] = {}

    def begin(self, key: Key, value: Value) -> None:
        """Note what was begun."""
        self._values[key] = value

    def end(self, key: Key) -> Value | None:
        """Return what was begun, once; None where that was in another process."""
        return self._values.pop(key, None)
