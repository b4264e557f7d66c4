"""The frame around a stored value."""

from __future__ import annotations

import pytest

from pegboard_cache import Entry
from pegboard_cache.codec.frame import Damaged, pack, read_head, unpack

ENTRY = Entry({"a": (1, 2.5)}, 1234.5, 60.0)


def test_round_trip():
    """An entry comes back with its time and ttl."""
    assert unpack("key", pack("key", ENTRY)) == ENTRY


def test_cut():
    """C1: every shorter frame is damaged."""
    frame = pack("key", ENTRY)
    for length in range(len(frame)):
        with pytest.raises(Damaged):
            unpack("key", frame[:length])


def test_flipped():
    """C1: every frame with one byte changed is damaged."""
    frame = pack("key", ENTRY)
    for place in range(len(frame)):
        changed = bytearray(frame)
        changed[place] ^= 0x41
        with pytest.raises(Damaged):
            unpack("key", bytes(changed))


def test_longer():
    """C1: so is one with something behind it."""
    with pytest.raises(Damaged):
        unpack("key", pack("key", ENTRY) + b"x")


def test_other_key():
    """A whole frame of another key is damaged: exchanged files cannot answer for each other."""
    with pytest.raises(Damaged):
        unpack("other", pack("key", ENTRY))


def test_head_alone():
    """The key can be read from the beginning of a frame."""
    assert read_head(pack("key", ENTRY)[:100]).key == "key"
