"""One entry as the bytes of a file: a checksum, what the entry is, and its value.

    magic (5) | BLAKE2b-256 of all that follows (32) | length of the head (4, big-endian) | head | value

The head is MessagePack: key, time, ttl. A frame proves to be whole and to belong to the key that was asked for, so a cut,
changed or exchanged file can never answer with a wrong value.
"""

from __future__ import annotations

import struct
from hashlib import blake2b
from typing import NamedTuple

import msgspec

from pegboard_cache._codec import from_bytes, to_bytes
from pegboard_cache._store import Entry

_MAGIC = b"pegc\x01"
_DIGEST = 32
_LENGTH = struct.Struct(">I")
_HEAD = len(_MAGIC) + _DIGEST + _LENGTH.size


class Damaged(ValueError):  # noqa: N818 - a reason for a miss
    """Raised for bytes that are no whole frame, or not the one that was looked for."""


class Head(NamedTuple):
    """What an entry is, beside its value."""

    key: str
    stored_at: float
    ttl: float | None


_heads = msgspec.msgpack.Decoder(Head)


def pack(key: str, entry: Entry) -> bytes:
    """Make the frame of an entry.

    Raises:
        Unstorable: The value would not come back as it is.
    """
    head = msgspec.msgpack.encode(Head(key, entry.stored_at, entry.ttl))
    body = b"".join((_LENGTH.pack(len(head)), head, to_bytes(entry.value)))
    return b"".join((_MAGIC, _checksum(body), body))


def unpack(key: str, frame: bytes) -> Entry:
    """Read a frame.

    Raises:
        Damaged: It is not whole, or of another key.
        Unreadable: It is whole, and its value is of a class that is not loaded or has changed.
    """
    body = memoryview(frame)[len(_MAGIC) + _DIGEST :]
    if frame[: len(_MAGIC)] != _MAGIC or frame[len(_MAGIC) : len(_MAGIC) + _DIGEST] != _checksum(body):
        raise Damaged("checksum")
    head = read_head(frame)
    if head.key != key:
        raise Damaged("key")
    (length,) = _LENGTH.unpack_from(body)
    return Entry(from_bytes(body[_LENGTH.size + length :]), head.stored_at, head.ttl)


def read_head(frame: bytes) -> Head:
    """Read the head of a frame, or of the beginning of one, unchecked.

    Raises:
        Damaged: There is none.
    """
    if len(frame) < _HEAD:
        raise Damaged("length")
    (length,) = _LENGTH.unpack_from(frame, _HEAD - _LENGTH.size)
    try:
        return _heads.decode(frame[_HEAD : _HEAD + length])
    except msgspec.DecodeError:
        raise Damaged("head") from None


def _checksum(body: bytes | memoryview) -> bytes:
    return blake2b(body, digest_size=_DIGEST).digest()
