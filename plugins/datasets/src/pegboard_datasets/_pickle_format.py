"""Pickle, for those who ask for it: signed, because reading a pickle runs what is in it."""

from __future__ import annotations

import hashlib
import hmac
import pickle
from typing import Any

from pegboard import Secret, texts
from pegboard_datasets._format import Format, Unfit

_KEY_BYTES_LEAST = 16
_MAC_BYTES = 32


def pickle_format(key: bytes | str | Secret[bytes] | Secret[str]) -> Format:
    """Make the format `pickle` (`.pkl`, `.pickle`), whose files only those who have `key` can forge.

    A file is a pickle followed by an HMAC-SHA256 of it, so that other programs can read it too. It is checked before anything is
    read. Never used unless an extension or name asks for it.

    Args:
        key: At least 16 bytes, kept where the files are not.

    Raises:
        TypeError, ValueError: The key is of another type, or too short.
    """
    secret = _key_bytes(key.reveal() if isinstance(key, Secret) else key)

    def dump(value: object) -> bytes:
        data = pickle.dumps(value, protocol=5)
        return data + hmac.digest(secret, data, hashlib.sha256)

    def load(data: bytes, _: Any) -> Any:
        payload, mac = data[:-_MAC_BYTES], data[-_MAC_BYTES:]
        if not hmac.compare_digest(hmac.digest(secret, payload, hashlib.sha256), mac):
            raise Unfit("its signature is not that of this key, so it was not read")
        return pickle.loads(payload)  # noqa: S301 - signed by somebody who has the key

    return Format("pickle", (".pkl", ".pickle"), (object,), dump, load)


def _key_bytes(key: object) -> bytes:
    if not isinstance(key, bytes | str):
        raise TypeError(
            f"the key of pickles is bytes, a str or a Secret of these, not {texts.a(type(key).__name__)}."
        )
    secret = key.encode() if isinstance(key, str) else key
    if len(secret) < _KEY_BYTES_LEAST:
        raise ValueError(
            f"the key of pickles has {len(secret)} bytes, and {_KEY_BYTES_LEAST} is the least: secrets.token_bytes(32)"
        )
    return secret
