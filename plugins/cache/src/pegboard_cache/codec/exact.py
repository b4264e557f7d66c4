"""The codec for others that keep values: as bytes, and back exactly as they were.

Members do not import each other: who wants it finds it by the entry-point group `pegboard.exact_values`.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

from pegboard_cache._store import Unstorable
from pegboard_cache.codec.forms import form_of
from pegboard_cache.codec.msgpack import AS_IT_IS, NATIVE, from_bytes, to_bytes
from pegboard_cache.keys.encoder import Unhashable, canonical


class _Exact:
    """What `pegboard.records.ExactValues` asks for."""

    def dump(self, value: object) -> bytes:
        """Write a value; raises TypeError for one that would not come back as it is."""
        return to_bytes(value)

    def load(self, data: bytes) -> Any:
        """Read it again; raises ValueError."""
        return from_bytes(data)

    def holds(self, cls: type) -> bool:
        """Whether a value of exactly this class may come back as it is."""
        if cls in AS_IT_IS or cls in NATIVE:
            return True
        try:
            form_of(cls)
        except Unstorable:
            return False
        return True

    def same(self, one: object, other: object) -> bool:
        """Whether two values are the same, in types, labels and attributes too."""
        try:
            return canonical((one,)) == canonical((other,))
        except Unhashable:
            return False

    def digest(self, value: object) -> str:
        """Return a short text that the same values have in every process; raises TypeError for one that has none."""
        return blake2b(canonical((value,)).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


EXACT = _Exact()
