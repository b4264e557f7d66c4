"""The frame around a stored value."""

from __future__ import annotations

import msgspec
import pytest

from pegboard_cache import Entry
from pegboard_cache.codec.frame import Damaged, Head, _origin_bytes, _read_origin, pack, read_head, unpack
from pegboard_cache.codec.signed_pickles import PickleSigner

ENTRY = Entry({"a": (1, 2.5)}, 1234.5, 60.0)
ORIGIN = ("0123456789abcdef0123456789abcdef", "fedcba9876543210")


def test_round_trip():
    """An entry comes back with its time and ttl."""
    assert unpack("key", pack("key", ENTRY)) == ENTRY


def test_cut():
    """Every shorter frame is damaged."""
    frame = pack("key", ENTRY)
    for length in range(len(frame)):
        with pytest.raises(Damaged):
            unpack("key", frame[:length])


def test_flipped():
    """Every frame with one byte changed is damaged."""
    frame = pack("key", ENTRY)
    for place in range(len(frame)):
        changed = bytearray(frame)
        changed[place] ^= 0x41
        with pytest.raises(Damaged):
            unpack("key", bytes(changed))


def test_longer():
    """So is one with something behind it."""
    with pytest.raises(Damaged):
        unpack("key", pack("key", ENTRY) + b"x")


def test_other_key():
    """A whole frame of another key is damaged: exchanged files cannot answer for each other."""
    with pytest.raises(Damaged):
        unpack("other", pack("key", ENTRY))


def test_head_alone():
    """The key can be read from the beginning of a frame."""
    assert read_head(pack("key", ENTRY)[:100]).key == "key"


@pytest.mark.parametrize("signer", [None, PickleSigner(b"k" * 16)], ids=["plain", "signed"])
@pytest.mark.parametrize("value", [1, {1, 2}, 1 + 2j])
def test_a_frame_holds_the_origin(value, signer):
    """Which span computed a value is written and read back, beside values that are pickled too."""
    entry = Entry(value, 5.0, None, ORIGIN)
    assert unpack("k", pack("k", entry, signer), signer) == entry


def test_a_frame_without_origin_is_as_it_was_before():
    """Its head has four fields, as that of frames that were written before there were origins; those are read."""
    frame = pack("k", Entry(1, 5.0, None))
    head = frame[5 + 32 + 4 :]
    assert msgspec.msgpack.decode(head[: len(msgspec.msgpack.encode(("k", 5.0, None, b"")))]) == [
        "k",
        5.0,
        None,
        b"",
    ]
    assert read_head(frame) == Head("k", 5.0, None)
    assert unpack("k", frame) == Entry(1, 5.0, None)


def test_origin_of_another_length_is_none():
    """What a later version may write there costs nobody a value."""
    assert _read_origin(_origin_bytes(ORIGIN)) == ORIGIN
    assert _read_origin(_origin_bytes(None)) is None
    assert _read_origin(b"x" * 23) is None
    assert _read_origin(b"x" * 25) is None
