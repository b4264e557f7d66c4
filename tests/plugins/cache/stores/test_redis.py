"""The store on a Redis server."""

from __future__ import annotations

import asyncio
import gc
import os
import pickle
import socket
import subprocess
import sys
import threading
import time
from itertools import count
from pathlib import Path

import pytest
import redis

from pegboard import ConfigError, Session, task
from pegboard_cache import Cache, Caching, Entry, RedisStore
from pegboard_cache._store import Store
from pegboard_cache.codec.frame import pack
from pegboard_cache.codec.signed_pickles import PickleSigner

ENTRY = Entry("value", 1000.0, None)


@pytest.fixture
def store(redis_url):
    """An empty store."""
    made = RedisStore(redis_url)
    yield made
    made.close()


@pytest.fixture
def server(redis_url):
    """A plain client, to look at what is on the server."""
    with redis.Redis.from_url(redis_url) as client:
        yield client


def test_is_a_store(store):
    """It has everything that the protocol asks for."""
    assert isinstance(store, Store)


def test_kept_for_other_processes(redis_url, store):
    """Another store on the same server finds the entry."""
    store.put("a", ENTRY)
    other = RedisStore(redis_url)
    assert other.get("a") == ENTRY
    assert other.place == store.place
    other.close()


def test_prefix(redis_url, store, server):
    """Every key on the server begins with the prefix, from the argument or the URL, and prefixes are apart."""
    others = [RedisStore(redis_url, prefix="shop:"), RedisStore(f"{redis_url}/0?prefix=shelf:")]
    server.set("foreign", b"mine")
    for each in (store, *others):
        each.put("a", ENTRY)
    assert sorted(server.keys()) == [b"foreign", b"pegboard:cache:v:a", b"shelf:v:a", b"shop:v:a"]
    assert [each.clear() for each in (store, *others)] == [1, 1, 1]
    assert server.keys() == [b"foreign"]
    for each in others:
        each.close()


@pytest.mark.parametrize(
    ("ttl", "least", "most"), [(60, 59_000, 60_000), (0.0001, -2, 1), (None, -1, -1), (1e300, -1, -1)]
)
def test_the_server_ends_entries(store, server, ttl, least, most):
    """The ttl is set on the server too, which gives the room back; without one the entry stays."""
    store.put("a", Entry("v", time.time(), ttl))
    assert least <= server.pttl("pegboard:cache:v:a") <= most


def test_counted(store):
    """Entries and their bytes are counted."""
    store.put("a", ENTRY)
    store.put("b", Entry("x" * 1000, 0.0, None))
    usage = store.usage()
    assert usage.entries == 2
    assert 1000 < usage.bytes < 1300


@pytest.mark.parametrize("prefix", ["a*b", "a?b", "a[b]", "a\\b", "a\r\nb", "a\0b", "'; drop", "\udc80é"])
def test_hostile_keys(store, prefix):
    """Signs with a meaning for Redis have none in a key, nor in what is cleared."""
    store.put(f"{prefix}:1", ENTRY)
    store.put("aXb:1", ENTRY)
    assert store.get(f"{prefix}:1") == ENTRY
    assert store.clear(f"{prefix}:") == 1
    assert store.get("aXb:1") == ENTRY


@pytest.mark.parametrize("share", [0, 0.01, 0.1, 0.5, -1])
def test_cut_entry(store, server, share):
    """An entry cut at any length is a miss, counted and removed."""
    store.put("a", ENTRY)
    whole = server.get("pegboard:cache:v:a")
    server.set("pegboard:cache:v:a", whole[:-1] if share == -1 else whole[: int(len(whole) * share)])
    assert store.get("a") is None
    assert store.usage().damaged == 1
    assert server.keys() == []


def test_flipped_bytes(store, server):
    """Whichever byte is changed, the entry is a miss and never a wrong value."""
    store.put("a", ENTRY)
    whole = server.get("pegboard:cache:v:a")
    for at in range(len(whole)):
        server.set("pegboard:cache:v:a", whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert store.get("a") is None


class Bomb:
    def __init__(self, flag):
        self.flag = flag

    def __reduce__(self):
        return (Path.touch, (self.flag,))


@pytest.mark.parametrize("key", [None, b"k" * 32], ids=["no key", "another key"])
@pytest.mark.parametrize("form", ["bare", "signed"])
def test_poisoned_pickle_runs_nothing(redis_url, server, tmp_path, form, key):
    """A pickle planted on the server, bare or signed with another key, never runs."""
    bomb = Entry(Bomb(tmp_path / "flag"), 1000.0, None)
    planted = pickle.dumps(bomb.value) if form == "bare" else pack("a", bomb, PickleSigner(b"x" * 32))
    server.set("pegboard:cache:v:a", planted)
    store = RedisStore(redis_url, pickle_key=key)
    assert store.get("a") is None
    assert not (tmp_path / "flag").exists()
    store.put("a", ENTRY)
    assert store.get("a") == ENTRY
    store.close()


def test_connections_are_closed(redis_url, server):
    """After the session no connection is left, from threads and from two event loops."""

    @task(Cache())
    def add(x):
        return x + 1

    @task(Cache())
    async def later(x):
        return x + 1

    caching = Caching(redis_url)
    with Session(caching, inherit=False):
        assert add.map(range(8)) == list(range(1, 9))
        for _ in range(2):
            assert asyncio.run(_all(later)) == list(range(1, 9))
        assert len(server.client_list()) > 1
    assert len(server.client_list()) == 1
    assert caching.stats().hits == 8
    assert len(server.client_list()) == 1
    gc.collect()


async def _all(later):
    return await asyncio.gather(*(later(x) for x in range(8)))


def test_the_loop_goes_on(redis_url):
    """A server that does not answer holds up the call that asks it, and not the event loop."""

    @task(Cache())
    async def later(x):
        return x

    async def main():
        ticks = 0
        asked = asyncio.ensure_future(later(1))
        while not asked.done():
            await asyncio.sleep(0.002)
            ticks += 1
        return ticks, asked.result()

    with silent_server() as url, Session(Caching(f"{url}?socket_timeout=0.1"), inherit=False):
        ticks, value = asyncio.run(main())
    assert value == 1
    assert ticks > 10


def test_silent_server_is_left_alone(make):
    """A server that does not answer holds up one call, not all of them."""
    body = make(lambda x: x)
    caching_of = "{}?socket_timeout=0.1".format
    with silent_server() as url, Session(Caching(caching_of(url)), inherit=False) as session:
        begun = time.monotonic()
        assert [body(x) for x in range(20)] == list(range(20))
        assert time.monotonic() - begun < 1
        assert session.plugins["cache"].stats().failures >= 40


class silent_server:
    """Takes connections and says nothing."""

    def __enter__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        return f"redis://127.0.0.1:{self.socket.getsockname()[1]}"

    def __exit__(self, *_):
        self.socket.close()


def start_server(port, folder):
    """Start a redis-server of the test's own, and wait until it listens."""
    arguments = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    process = subprocess.Popen(["redis-server", *arguments], stdout=subprocess.DEVNULL)
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return process
    raise AssertionError("the server does not listen")


def stop_server(process):
    process.terminate()
    process.wait(10)


@pytest.mark.parametrize("lock", [False, True], ids=["", "lock"])
def test_stopped_server(redis_server, tmp_path, make, warnings_of_cache, lock):
    """With the server stopped the value is returned, the body runs once a call; started again, it serves."""
    runs = count()
    body = make(lambda x: (next(runs), x)[1], Cache(lock=lock))
    port = _free_port()
    caching = Caching(f"redis://127.0.0.1:{port}")
    with Session(caching, inherit=False, strict=True):
        process = start_server(port, tmp_path)
        assert [body(1), body(1), next(runs)] == [1, 1, 1]
        stop_server(process)
        assert [body(1), body(2), next(runs)] == [1, 2, 4]
        assert caching.stats().failures >= 4
        process = start_server(port, tmp_path)
        assert [body(3), body(3), next(runs)] == [3, 3, 6]
        stop_server(process)
    assert len(warnings_of_cache()) == (4 if lock else 3)  # read, write, count, and lock
    assert not [text for text in warnings_of_cache() if str(port) in text]


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_fork(store):
    """After a fork both processes go on, each over connections of its own."""
    store.put("parent", ENTRY)
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            store.put("child", ENTRY)
            code = 42 if store.get("parent") == ENTRY else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 42
    assert store.get("child") == ENTRY


@pytest.mark.parametrize(
    "url", ["redis://:secret@host:port/0", "redis://host/0?socket_timeout=secret", "redis://h?secret=1"]
)
def test_impossible_url(url):
    """A URL that redis-py cannot read is refused at once, and not shown."""
    with pytest.raises(ConfigError, match="cannot read") as caught:
        Caching(url)
    assert "secret" not in f"{caught.value!r} {caught.value.__cause__!r}"


@pytest.mark.parametrize("lease", [0, -1, True, "10", float("inf")])
def test_impossible_lease(lease):
    """A lease is a number of seconds."""
    with pytest.raises(ValueError, match="lease"):
        RedisStore("redis://localhost", lease=lease)


def test_missing_package(monkeypatch):
    """Without redis-py the store says what to install; an option that only names it can be written."""
    monkeypatch.setitem(sys.modules, "redis", None)
    Cache(store="redis://localhost")
    with pytest.raises(ConfigError, match=r"pip install 'pegboard\[cache-redis\]'"):
        Caching("redis://localhost")


def test_repr_shows_no_password():
    """Nothing of the URL is in the repr, nor in what tells places apart."""
    store = RedisStore("redis://user:secret@localhost/1")
    assert "secret" not in f"{store!r} {store.place!r}"


def test_threads(store):
    """Eight threads that write, read and clear never fail."""
    failures = []

    def work(name):
        try:
            for i in range(20):
                store.put(f"{name}:{i}", ENTRY)
                assert store.get(f"{name}:{i}") == ENTRY
            store.clear(f"{name}:")
        except BaseException as error:  # noqa: BLE001 - reported below
            failures.append(error)

    threads = [threading.Thread(target=work, args=(f"t{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert store.usage().entries == 0
