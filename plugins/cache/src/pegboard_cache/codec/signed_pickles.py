"""Pickles that only the holder of a key can make: signed when they are written, verified before they are read."""

from __future__ import annotations

import hmac
import pickle
from typing import Any

from pegboard import texts
from pegboard_cache._store import Unstorable

KEY_LEAST = 16
_DOMAIN = b"pegboard-cache pickle\0"  # the same key may serve other purposes


class PickleSigner:
    """Writes, signs and reads pickles.

    Args:
        key: At least 16 bytes, the same in every process that shares values, and kept outside of the store.
    """

    __slots__ = ("_key",)

    def __init__(self, key: bytes) -> None:
        if not isinstance(key, bytes):
            raise TypeError(f"pickle_key is bytes, not {texts.a(type(key).__name__)}.")
        if len(key) < KEY_LEAST:
            raise ValueError(
                f"pickle_key has {len(key)} bytes, and whoever guesses it can run code here: it takes at least "
                f"{KEY_LEAST}.\nMake one, and keep it outside of the store: secrets.token_bytes(32)."
            )
        self._key = key

    def dump(self, value: object) -> bytes:
        """Pickle a value.

        Raises:
            Unstorable: It cannot be pickled.
        """
        try:
            return pickle.dumps(value, protocol=5)
        except Exception:  # noqa: BLE001 - whatever a class raises to say that it cannot be pickled
            raise Unstorable(
                f"it is or holds what cannot be pickled: {texts.a(type(value).__name__)}"
            ) from None

    def sign(self, facts: bytes, data: bytes | memoryview) -> bytes:
        """Return the HMAC-SHA256 of a pickle and of the entry that it belongs to."""
        mac = hmac.new(self._key, _DOMAIN + len(facts).to_bytes(4, "big") + facts, "sha256")
        mac.update(data)
        return mac.digest()

    def verify(self, mac: bytes, facts: bytes, data: bytes | memoryview) -> bool:
        """Whether the signature was made with this key, for this pickle and this entry."""
        return hmac.compare_digest(mac, self.sign(facts, data))

    def load(self, data: bytes | memoryview) -> Any:
        """Unpickle; only what `verify` says yes to."""
        return pickle.loads(data)  # noqa: S301 - signed by a holder of the key
