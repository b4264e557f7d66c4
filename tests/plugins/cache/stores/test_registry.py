"""The stores of one plugin."""

from __future__ import annotations

import pytest
import redis
from obstore.store import MemoryStore as Objects

from pegboard import ConfigError, Session, task
from pegboard_cache import Cache, Caching, FileStore, MemoryStore, ObjectStore, RedisStore
from pegboard_cache.stores.registry import StoreRegistry, place_of

KINDS = {
    "folder": (lambda tmp_path: tmp_path / "cache", FileStore),
    "file url": (lambda tmp_path: (tmp_path / "a folder").as_uri(), FileStore),
    "redis": (lambda tmp_path: "redis://localhost:1/3", RedisStore),
    "objects": (lambda tmp_path: "memory:///", ObjectStore),
    "bucket": (lambda tmp_path: "s3://bucket/prefix", ObjectStore),
    "obstore": (lambda tmp_path: Objects(), ObjectStore),
    "own": (lambda tmp_path: MemoryStore(1000), MemoryStore),
}


@pytest.mark.parametrize("kind", KINDS)
def test_same_store_for_the_same(tmp_path, kind):
    """Each form opens its kind of store, once, whoever asks."""
    make, cls = KINDS[kind]
    given = make(tmp_path)
    stores = StoreRegistry(None, None, None)
    opened = stores.open(given)
    assert type(opened) is cls
    assert stores.open(given) is opened
    assert stores.all() == [stores.main, opened]
    assert stores.open(None) is stores.main


def test_nothing_is_created(tmp_path):
    """A plugin makes no folder and asks no server before the first value."""
    Caching(tmp_path / "cache")
    Caching("redis://localhost:1")
    Caching("s3://bucket")
    assert list(tmp_path.iterdir()) == []


def test_places(tmp_path):
    """Stores are one place when they hold the same entries, whichever way it is written."""
    one, other = (FileStore(str(tmp_path / "cache")) for _ in range(2))
    assert place_of(one) == place_of(other)
    addresses = ["redis://localhost/1", "redis://user:word@localhost/1?socket_timeout=5"]
    assert len({place_of(RedisStore(url)) for url in addresses}) == 1
    assert place_of(RedisStore("redis://localhost/2")) != place_of(RedisStore("redis://localhost/1"))
    assert place_of(RedisStore("redis://localhost", prefix="a:")) != place_of(RedisStore("redis://localhost"))
    assert place_of(ObjectStore("s3://b/p")) == place_of(ObjectStore("s3://b/p/"))
    assert place_of(ObjectStore("memory:///")) != place_of(ObjectStore("memory:///"))


def test_store_of_the_user_is_closed_too(redis_url):
    """A store given as an object is closed with the session, and works in the next one."""

    @task(Cache())
    def body():
        return 1

    with redis.Redis.from_url(redis_url) as server:
        store = RedisStore(redis_url)
        for _ in range(2):
            with Session(Caching(store), inherit=False, strict=True):
                body()
            assert len(server.client_list()) == 1


@pytest.mark.parametrize(
    ("given", "setting"),
    [
        ("redis://localhost", {"max_bytes": 1000}),
        ("memory:///", {"max_bytes": 1000}),
        (MemoryStore(), {"max_bytes": 1000}),
        (MemoryStore(), {"pickle_key": b"k" * 32}),
    ],
    ids=lambda value: str(value).partition(" at 0x")[0],
)
def test_setting_that_would_be_ignored(given, setting):
    """A setting that the store given beside it does not take is refused, and named."""
    with pytest.raises(ConfigError, match="ignored") as caught:
        Caching(given, **setting)
    assert caught.value.key == next(iter(setting))
