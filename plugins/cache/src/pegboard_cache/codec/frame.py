"""One entry as bytes: a checksum, what the entry is, and its value.

    magic (5) | BLAKE2b-256 of all that follows (32) | length of the head (4, big-endian) | head | value

The head is MessagePack: key, time, ttl, signature, and where it is known the span that computed the value. A frame proves to be whole and to belong to the key that was asked for, so
a cut, changed or exchanged one can never answer with a wrong value. The value is a pickle exactly when there is a
signature, and is not looked at before the signature is verified; otherwise it is what `msgpack` makes.
"""

from __future__ import annotations

import struct
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from pegboard_cache._store import Entry, Origin, Unstorable
from pegboard_cache.codec.msgpack import from_bytes, to_bytes
from pegboard_cache.codec.records import Unreadable

if TYPE_CHECKING:
    from pegboard_cache.codec.signed_pickles import PickleSigner

_MAGIC = b"pegc\x01"
_DIGEST = 32
_LENGTH = struct.Struct(">I")
_TRACE_BYTES, _SPAN_BYTES = 16, 8
_HEAD = len(_MAGIC) + _DIGEST + _LENGTH.size


class Damaged(ValueError):  # noqa: N818 - a reason for a miss
    """Raised for bytes that are no whole frame, or not the one that was looked for, or whose signature is wrong."""


class Head(NamedTuple):
    """What an entry is, beside its value.

    `mac` signs a pickle; `origin` is the span that computed the value, in 24 bytes, empty where it is not known.
    """

    key: str
    stored_at: float
    ttl: float | None
    mac: bytes = b""
    origin: bytes = b""


_heads = msgspec.msgpack.Decoder(Head)


def pack(key: str, entry: Entry, signer: PickleSigner | None = None) -> bytes:
    """Make the frame of an entry; with a signer, also of one that has to be pickled.

    Raises:
        Unstorable: The value would not come back as it is.
    """
    head = Head(key, entry.stored_at, entry.ttl)
    try:
        value = to_bytes(entry.value)
    except Unstorable:
        if signer is None:
            raise
        value = signer.dump(entry.value)
        head = head._replace(mac=signer.sign(_facts(head), value))
    origin = _origin_bytes(entry.origin)
    # Without, the head is as it was before there were origins.
    encoded = msgspec.msgpack.encode((*head[:4], origin) if origin else head[:4])
    body = b"".join((_LENGTH.pack(len(encoded)), encoded, value))
    return b"".join((_MAGIC, _checksum(body), body))


def unpack(key: str, frame: bytes | memoryview, signer: PickleSigner | None = None) -> Entry:
    """Read a frame.

    Raises:
        Damaged: It is not whole, or of another key, or signed with another one than the signer's.
        Unreadable: It is whole, and its value is of a class that is not loaded or has changed, or is a pickle and
            there is no signer.
    """
    body = memoryview(frame)[len(_MAGIC) + _DIGEST :]
    if frame[: len(_MAGIC)] != _MAGIC or frame[len(_MAGIC) : len(_MAGIC) + _DIGEST] != _checksum(body):
        raise Damaged("checksum")
    head = read_head(frame)
    if head.key != key:
        raise Damaged("key")
    (length,) = _LENGTH.unpack_from(body)
    data = body[_LENGTH.size + length :]
    value = _unpickled(head, data, signer) if head.mac else from_bytes(data)
    return Entry(value, head.stored_at, head.ttl, _read_origin(head.origin))


def read_head(frame: bytes | memoryview) -> Head:
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


def _unpickled(head: Head, data: memoryview, signer: PickleSigner | None) -> Any:
    if signer is None:
        raise Unreadable("a pickle, and there is no pickle_key")
    if not signer.verify(head.mac, _facts(head), data):
        raise Damaged("signature")
    try:
        return signer.load(data)
    except Exception as error:  # noqa: BLE001 - a class that is gone, or another version of a library
        raise Unreadable(type(error).__name__) from None


def _facts(head: Head) -> bytes:
    """What a signature holds a pickle to: it cannot be given to another key, or another age."""
    return msgspec.msgpack.encode((head.key, head.stored_at, head.ttl))


def _checksum(body: bytes | memoryview) -> bytes:
    return blake2b(body, digest_size=_DIGEST).digest()


def _origin_bytes(origin: Origin | None) -> bytes:
    """Write it in 24 bytes; empty for none."""
    return b"" if origin is None else bytes.fromhex(origin[0] + origin[1])


def _read_origin(data: bytes) -> Origin | None:
    """Read what `_origin_bytes` wrote; anything else is none."""
    if len(data) != _TRACE_BYTES + _SPAN_BYTES:
        return None
    return data[:_TRACE_BYTES].hex(), data[_TRACE_BYTES:].hex()
