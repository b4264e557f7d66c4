"""What a store has to offer, and the one in memory."""

from __future__ import annotations

import os
from typing import NoReturn, Protocol, runtime_checkable

from pegboard_datasets._key import check_key


@runtime_checkable
class Store(Protocol):
    """Keeps whole values under keys. Used by several threads at once.

    Attributes:
        address: A path or URL with which another process can open it, free of passwords; or any text that tells it apart.
    """

    address: str

    def put(self, key: str, data: bytes) -> None:
        """Write a value; readers see the old one or the new one, whole."""

    def get(self, key: str) -> bytes | None:
        """Return a value, or None when there is none."""

    def size(self, key: str) -> int | None:
        """Return the length of a value in bytes, or None when there is none."""

    def delete(self, key: str) -> bool:
        """Remove a value; say whether there was one."""


class MemoryStore:
    """Keeps values in this process for as long as the store lives. For tests."""

    def __init__(self) -> None:
        self.address = f"memory://{os.urandom(8).hex()}"
        self._values: dict[str, bytes] = {}

    def __repr__(self) -> str:
        return f"<MemoryStore of {len(self._values)} values>"

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a MemoryStore lives in one process: what another one puts in its copy is lost to this one."
        )

    def put(self, key: str, data: bytes) -> None:
        """Keep a value."""
        self._values[check_key(key)] = data

    def get(self, key: str) -> bytes | None:
        """Return a value, or None."""
        return self._values.get(check_key(key))

    def size(self, key: str) -> int | None:
        """Return the length of a value in bytes, or None."""
        data = self.get(key)
        return None if data is None else len(data)

    def delete(self, key: str) -> bool:
        """Remove a value; say whether there was one."""
        return self._values.pop(check_key(key), None) is not None
