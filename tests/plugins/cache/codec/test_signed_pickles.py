"""Signed pickles."""

from __future__ import annotations

import pickle
import threading
from itertools import count
from pathlib import Path

import pytest

from pegboard import Session, task
from pegboard_cache import Cache, Caching, Entry, Unstorable
from pegboard_cache.codec.frame import Damaged, pack, read_head, unpack
from pegboard_cache.codec.records import Unreadable
from pegboard_cache.codec.signed_pickles import PickleSigner

KEY, OTHER = b"k" * 32, b"o" * 32


class Odd(dict):
    """A value that only a pickle keeps."""


class Bomb:
    def __init__(self, flag):
        self.flag = flag

    def __reduce__(self):
        return (Path.touch, (self.flag,))


ENTRY = Entry(Odd(a=1), 1000.0, None)


def test_round_trip():
    """With a key a value that cannot be kept otherwise comes back."""
    frame = pack("k", ENTRY, PickleSigner(KEY))
    assert unpack("k", frame, PickleSigner(KEY)) == ENTRY
    assert type(unpack("k", frame, PickleSigner(KEY)).value) is Odd


def test_plain_values_are_not_pickled():
    """What needs no pickle is none, and is read without the key."""
    assert unpack("k", pack("k", Entry([1], 0.0, None), PickleSigner(KEY))).value == [1]


def test_without_a_key():
    """Without a key no pickle is written, nor read."""
    with pytest.raises(Unstorable):
        pack("k", ENTRY)
    with pytest.raises(Unreadable):
        unpack("k", pack("k", ENTRY, PickleSigner(KEY)))


def forged(tmp_path, change):
    """A frame with a bomb that is whole, and whose signature is not that of the reader."""
    bomb = Entry(Bomb(tmp_path / "flag"), 1000.0, None)
    if change == "other key":
        return pack("k", bomb, PickleSigner(OTHER))
    if change == "other entry":  # a signed entry of another key, under this one
        return _resigned(pack("j", bomb, PickleSigner(KEY)), key="k")
    if change == "other age":
        return _resigned(pack("k", bomb, PickleSigner(KEY)), stored_at=2000.0)
    if change == "other pickle":
        return _resigned(
            pack("k", Entry(Odd(), 1000.0, None), PickleSigner(KEY)), value=pickle.dumps(bomb.value)
        )
    return _resigned(pack("k", bomb, PickleSigner(KEY)), mac=b"" if change == "no signature" else b"\0" * 32)


def _resigned(frame, *, value=None, **changes):
    """The same frame with another head or value, and a fitting checksum."""
    import msgspec

    from pegboard_cache.codec.frame import _checksum

    head = read_head(frame)
    body = frame[5 + 32 :]
    data = body[4 + int.from_bytes(body[:4], "big") :]
    encoded = msgspec.msgpack.encode(head._replace(**changes))
    body = len(encoded).to_bytes(4, "big") + encoded + (data if value is None else value)
    return frame[:5] + _checksum(body) + body


@pytest.mark.parametrize(
    "change", ["other key", "other entry", "other age", "other pickle", "no signature", "wrong signature"]
)
def test_forged(tmp_path, change):
    """A pickle whose signature does not fit it, its key and its age is never read."""
    frame = forged(tmp_path, change)
    with pytest.raises((Damaged, Unreadable)):
        unpack("k", frame, PickleSigner(KEY))
    assert not (tmp_path / "flag").exists()


def test_signed_bomb_is_read():
    """The other way round: what a holder of the key signed is unpickled, or the tests above could not fail."""
    frame = pack("k", Entry(Bomb(Path("/nowhere/at/all")), 1000.0, None), PickleSigner(KEY))
    with pytest.raises(Unreadable, match="FileNotFoundError"):
        unpack("k", frame, PickleSigner(KEY))


def test_opting_in(caching_with_key, warnings_of_cache):
    """`pickle_key` lets a task return what only a pickle keeps; a wrong key is a miss, counted, and replaced."""
    runs = count()

    @task(Cache())
    def body():
        return Odd(run=next(runs))

    first = caching_with_key(KEY)
    with Session(first, inherit=False, strict=True):
        assert [body(), body()] == [{"run": 0}, {"run": 0}]
        assert type(body()) is Odd
    second = caching_with_key(OTHER)
    with Session(second, inherit=False, strict=True):
        assert [body(), body()] == [{"run": 1}, {"run": 1}]
    assert second.stats().damaged == 1
    third = caching_with_key(None)
    with Session(third, inherit=False, strict=True):
        assert [body(), body()] == [{"run": 2}, {"run": 3}]
    assert third.stats().unstorable == 2
    assert len([text for text in warnings_of_cache() if "not kept" in text]) == 1


@pytest.fixture(params=["folder", "redis", "objects"])
def caching_with_key(request, tmp_path):
    """Make plugins on one place, with the keys they are given."""
    if request.param == "folder":
        return lambda key: Caching(tmp_path / "cache", pickle_key=key)
    if request.param == "redis":
        url = request.getfixturevalue("redis_url")
        return lambda key: Caching(url, pickle_key=key)
    from obstore.store import MemoryStore

    objects = MemoryStore()
    return lambda key: Caching(objects, pickle_key=key)


def test_what_cannot_be_pickled(tmp_path):
    """A value that not even a pickle keeps is returned and not kept."""

    @task(Cache())
    def body():
        return threading.Lock()

    caching = Caching(tmp_path / "cache", pickle_key=KEY)
    with Session(caching, inherit=False, strict=True):
        assert body() is not None
    assert caching.stats().unstorable == 1


def test_key_is_not_shown():
    """Neither the signer nor the plugin shows the key."""
    assert "kkkk" not in f"{PickleSigner(KEY)!r} {Caching('cache', pickle_key=KEY)!r}"
