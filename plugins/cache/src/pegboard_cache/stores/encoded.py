"""What all stores of bytes share: frames, their check, and the count of those that were damaged."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable
from typing import TYPE_CHECKING

from pegboard.parts import new_rlock
from pegboard_cache.codec.frame import Damaged, pack, unpack
from pegboard_cache.codec.records import Unreadable
from pegboard_cache.codec.signed_pickles import PickleSigner

if TYPE_CHECKING:
    from pegboard_cache._store import Entry, Usage


class EncodedStore(ABC):
    """A store that keeps each entry as one checksummed frame.

    Args:
        place: What says whether two stores hold the same entries.
        pickle_key: Signs pickles of values that cannot be kept otherwise; None refuses those values.
    """

    blocking = True
    persistent = True

    def __init__(self, place: Hashable, pickle_key: bytes | None) -> None:
        self.place = place
        self._signer = None if pickle_key is None else PickleSigner(pickle_key)
        self._guard = new_rlock()
        self._damaged = 0

    def get(self, key: str) -> Entry | None:
        """Return the entry of `key`; a damaged one is counted, removed, and none."""
        frame = self.read(key)
        if frame is None:
            return None
        try:
            return unpack(as_text(key), frame, self._signer)
        except Unreadable:
            return None
        except Damaged:
            self._count_damaged()
            self.delete(key)
            return None

    def put(self, key: str, entry: Entry) -> None:
        """Keep an entry.

        Raises:
            Unstorable: The value would not come back as it is.
        """
        self.write(key, self.encode(key, entry), entry.ttl)

    def encode(self, key: str, entry: Entry) -> bytes:
        """Make the bytes that `write` keeps.

        Raises:
            Unstorable: The value would not come back as it is.
        """
        return pack(as_text(key), entry, self._signer)

    @abstractmethod
    def read(self, key: str) -> bytes | memoryview | None:
        """Return the bytes kept for `key`, if any."""

    @abstractmethod
    def write(self, key: str, frame: bytes, ttl: float | None) -> None:
        """Keep bytes for `key` in place of any older ones, for `ttl` seconds at least; None is for ever."""

    @abstractmethod
    def delete(self, key: str) -> bool:
        """Remove an entry; say whether there was one."""

    @abstractmethod
    def clear(self, prefix: str = "") -> int:
        """Remove every entry whose key begins with `prefix`; say how many."""

    @abstractmethod
    def usage(self) -> Usage:
        """Count what is there."""

    def close(self) -> None:
        """Let go of files and connections; they are opened again when they are needed."""

    def _count_damaged(self, count: int = 1) -> None:
        with self._guard:
            self._damaged += count


def as_text(key: str) -> str:
    """The key as text that can be written down; lone surrogates are spelt out."""
    return key.encode("utf-8", "backslashreplace").decode()
