"""What the cache expects of a place to keep values in."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol, runtime_checkable

import attrs

Origin = tuple[str, str]


class Entry(NamedTuple):
    """One kept value.

    Attributes:
        value: What the task returned; for a stream the list of its items.
        stored_at: When, in seconds since the Unix epoch by the session's clock.
        ttl: Seconds for which it was meant to be good when it was stored; None is for ever.
        origin: Trace id and span id of the call that computed it, in lower-case hex; None where it was not traced.
    """

    value: Any
    stored_at: float
    ttl: float | None
    origin: Origin | None = None

    def __repr__(self) -> str:
        return f"Entry(value=<{type(self.value).__name__}>, stored_at={self.stored_at}, ttl={self.ttl})"


@attrs.frozen
class Usage:
    """What a store holds.

    Attributes:
        entries: How many.
        bytes: Their size; an estimate where the store keeps objects.
        evicted: How many were removed to make room, since the store was opened.
        damaged: How many were found unreadable, and removed, since the store was opened.
    """

    entries: int
    bytes: int
    evicted: int = 0
    damaged: int = 0


class Unstorable(TypeError):  # noqa: N818 - not an error of the task, which gets its value all the same
    """Raised by a store's `put` for a value that it could not give back exactly as it was."""


@runtime_checkable
class Store(Protocol):
    """Keeps entries by key. Called from several threads at once.

    Any method may raise: the cache then goes on as if the entry were not there, counts it and logs it once.

    Attributes:
        blocking: Whether methods do I/O. An async task then calls them in a thread.
        persistent: Whether other processes find the entries, now or later.
    """

    blocking: bool
    persistent: bool

    def get(self, key: str) -> Entry | None:
        """Return the entry of `key`, however old, or None; damaged entries count as none."""

    def put(self, key: str, entry: Entry) -> None:
        """Keep an entry in place of any older one.

        Raises:
            Unstorable: The value would not come back as it is. Any TypeError does as well.
        """

    def delete(self, key: str) -> bool:
        """Remove an entry; say whether there was one."""

    def clear(self, prefix: str = "") -> int:
        """Remove every entry whose key begins with `prefix`; say how many."""

    def usage(self) -> Usage:
        """Count what is there."""
