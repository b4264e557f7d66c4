"""The store of objects."""

from __future__ import annotations

import asyncio
import os
import pickle
import re
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from obstore.store import LocalStore, MemoryStore

from pegboard import ConfigError, Session, task
from pegboard_cache import Cache, Caching, Entry, ObjectStore
from pegboard_cache._store import Store
from pegboard_cache.codec.frame import pack
from pegboard_cache.codec.signed_pickles import PickleSigner

ENTRY = Entry("value", 1000.0, None)


@pytest.fixture(params=["memory", "local"])
def objects(request, tmp_path):
    """A store of obstore's, once of each kind."""
    return MemoryStore() if request.param == "memory" else LocalStore(tmp_path / "objects", mkdir=True)


@pytest.fixture
def store(objects):
    """An empty store on it."""
    return ObjectStore(objects)


def paths(objects):
    return [each["path"] for batch in objects.list() for each in batch]


def test_is_a_store(store):
    """It has everything that the protocol asks for."""
    assert isinstance(store, Store)


def test_kept_and_removed(store, objects):
    """An entry is found by every store on the same objects until it is deleted."""
    assert store.get("a") is None
    assert not store.delete("a")
    store.put("a", ENTRY)
    assert ObjectStore(objects).get("a") == ENTRY
    assert store.delete("a")
    assert store.get("a") is None
    assert paths(objects) == []


def test_clear(store, objects):
    """One task's entries go, or all; what others keep beside them stays."""
    objects.put("foreign/file.txt", b"mine")
    for key in ("one:1234:a", "one:1234:b", "two:1234:a"):
        store.put(key, ENTRY)
    assert store.usage().entries == 3
    assert store.clear("one:1234:") == 2
    assert store.get("two:1234:a") == ENTRY
    assert store.clear() == 1
    assert paths(objects) == ["foreign/file.txt"]


@pytest.mark.parametrize(
    "key", ["../up:1", "/etc/passwd", "a\0b:", "c:\\x:1", "x" * 5000, "s3://b:", "\udc80:"]
)
def test_hostile_keys(store, objects, key):
    """Whatever the key, the object's name is made of hashes."""
    store.put(key, ENTRY)
    assert store.get(key) == ENTRY
    (path,) = paths(objects)
    assert set(path) <= set("0123456789abcdef/")


@pytest.mark.parametrize("share", [0, 0.01, 0.1, 0.5, -1])
def test_cut_entry(store, objects, share):
    """An object cut at any length is a miss, counted and removed."""
    store.put("a", ENTRY)
    (path,) = paths(objects)
    whole = bytes(objects.get(path).bytes())
    objects.put(path, whole[:-1] if share == -1 else whole[: int(len(whole) * share)])
    assert store.get("a") is None
    assert store.usage().damaged == 1
    assert paths(objects) == []


class Bomb:
    def __init__(self, flag):
        self.flag = flag

    def __reduce__(self):
        return (Path.touch, (self.flag,))


@pytest.mark.parametrize("key", [None, b"k" * 32], ids=["no key", "another key"])
@pytest.mark.parametrize("form", ["bare", "signed"])
def test_poisoned_pickle_runs_nothing(objects, tmp_path, form, key):
    """A pickle planted in the bucket, bare or signed with another key, never runs."""
    store = ObjectStore(objects, pickle_key=key)
    store.put("a", ENTRY)
    (path,) = paths(objects)
    bomb = Entry(Bomb(tmp_path / "flag"), 1000.0, None)
    objects.put(
        path, pickle.dumps(bomb.value) if form == "bare" else pack("a", bomb, PickleSigner(b"x" * 32))
    )
    assert store.get("a") is None
    assert not (tmp_path / "flag").exists()


def test_a_store_of_obstore_serves(make, objects):
    """The plugin and the option take obstore's own stores."""
    runs = count()
    for options, caching in [((), Caching(objects)), ((Cache(store=objects),), Caching())]:
        body = make(lambda x: (next(runs), x)[1], *(options or (Cache(),)))
        with Session(caching, inherit=False, strict=True):
            assert [body(1), body(1)] == [1, 1]
        assert caching.stats().entries == 1
        assert caching.clear() == 1
    assert next(runs) == 2


def test_each_hit_is_a_new_object():
    """A store of encoded values gives everybody an object of their own, `memory://` too."""

    @task(Cache(store="memory:///"))
    def body():
        return [1]

    with Session(Caching(), inherit=False):
        body().append(2)
        assert body() == [1]


def test_store_that_is_gone(tmp_path, make, warnings_of_cache):
    """A bucket that cannot be reached is a miss; the value is returned and the body runs once a call."""
    runs = count()
    body = make(lambda x: (next(runs), x)[1])
    objects = LocalStore(tmp_path / "objects", mkdir=True)
    (tmp_path / "objects").rmdir()
    (tmp_path / "objects").write_text("a file")
    caching = Caching(objects)
    with Session(caching, inherit=False, strict=True):
        assert [body(1), body(1), next(runs)] == [1, 1, 2]
    assert caching.stats().failures >= 4
    assert len(warnings_of_cache()) == 2  # read, write


def test_unreachable_server(make, warnings_of_cache):
    """So is a bucket behind an address where nobody listens."""
    from obstore.store import S3Store

    runs = count()
    body = make(lambda x: (next(runs), x)[1])
    objects = S3Store(
        "bucket",
        endpoint="http://127.0.0.1:9",
        access_key_id="a",
        secret_access_key="hidden",
        client_options={"allow_http": True},
        retry_config={"max_retries": 0},
    )
    with Session(Caching(objects), inherit=False, strict=True):
        assert [body(1), next(runs)] == [1, 1]
    assert len(warnings_of_cache()) == 2
    assert "hidden" not in str(warnings_of_cache())


class Bucket(BaseHTTPRequestHandler):
    """As much of S3 as the cache uses: PUT, GET and HEAD of an object, listing and deleting."""

    objects: ClassVar[dict[str, bytes]] = {}
    requests: ClassVar[list[str]] = []
    protocol_version = "HTTP/1.1"

    def do_PUT(self):
        self.objects[self.key()] = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(200)

    def do_GET(self):
        if "list-type" in self.path:
            self.answer(200, self.listing())
        elif self.key() in self.objects:
            self.answer(200, self.objects[self.key()])
        else:
            self.answer(404, b"<Error><Code>NoSuchKey</Code></Error>")

    def do_HEAD(self):
        self.do_GET()

    def do_POST(self):
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        keys = re.findall("<Key>(.*?)</Key>", text)
        for key in keys:
            self.objects.pop(f"{self.key()}/{key}", None)
        deleted = "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key in keys)
        self.answer(200, f"<DeleteResult>{deleted}</DeleteResult>".encode())

    def key(self):
        self.requests.append(f"{self.command} {self.headers.get('Authorization', '')[:16]}")
        return unquote(urlsplit(self.path).path)

    def listing(self):
        bucket = urlsplit(self.path).path.rstrip("/") + "/"
        prefix = dict(parse_qsl(urlsplit(self.path).query)).get("prefix", "")
        found = [(key.removeprefix(bucket), len(data)) for key, data in self.objects.items()]
        entries = "".join(
            f"<Contents><Key>{key}</Key><Size>{size}</Size><ETag>e</ETag>"
            f"<LastModified>2024-01-01T00:00:00.000Z</LastModified></Contents>"
            for key, size in found
            if key.startswith(prefix)
        )
        return f"<ListBucketResult><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>".encode()

    def answer(self, status, body=b""):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"e"')
        self.send_header("Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def s3_url(monkeypatch):
    """An address in a bucket on loopback, and the environment that leads there."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Bucket) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "key")
        yield "s3://bucket/some/prefix"
        server.shutdown()
        thread.join()
    Bucket.objects.clear()
    Bucket.requests.clear()


def test_bucket_over_http(s3_url, make):
    """The whole way to a bucket and back, by URL, with credentials from the environment."""
    runs = count()
    body = make(lambda x: (next(runs), {"x": (x,)})[1])
    with Session(Caching(s3_url), inherit=False, strict=True) as session:
        assert [body(1), body(1), body(2), next(runs)] == [{"x": (1,)}, {"x": (1,)}, {"x": (2,)}, 2]
        stats = session[Caching].stats()
        assert (stats.hits, stats.entries, stats.failures) == (1, 2, 0)
        assert all(key.startswith("/bucket/some/prefix/") for key in Bucket.objects)
        assert session[Caching].clear() == 2
    assert Bucket.objects == {}
    assert {request.partition(" ")[2] for request in Bucket.requests} == {"AWS4-HMAC-SHA256"}


def test_file_url_is_a_folder(tmp_path):
    """`file://` is a folder like a path, with its modes and its limit."""
    caching = Caching((tmp_path / "cache").as_uri())

    @task(Cache())
    def body():
        return 1

    with Session(caching, inherit=False):
        body()
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == ["index.sqlite", "values"]


def test_impossible_url():
    """A URL that obstore cannot read is refused at once, and not shown."""
    with pytest.raises(ConfigError, match="cannot read") as caught:
        Caching("az://?secret")
    assert "secret" not in f"{caught.value!r} {caught.value.__cause__!r}"


def test_missing_package(monkeypatch):
    """Without obstore the store says what to install."""
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(ConfigError, match=r"pip install 'pegboard\[cache-objects\]'"):
        Caching("s3://bucket")


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_fork(objects):
    """In a forked process the store is a failure, which is a miss, and nobody waits for ever."""

    @task(Cache())
    def body():
        return os.getpid()

    caching = Caching(objects)
    with Session(caching, inherit=False, strict=True):
        assert body() == os.getpid()
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                signal.alarm(10)
                code = 42 if body() == os.getpid() and caching.stats().failures >= 2 else 2
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 42
        assert body() == os.getpid()


def test_coroutines(objects):
    """A hundred coroutines on one store: each gets its own value."""

    @task(Cache())
    async def later(x):
        return x

    async def main():
        return await asyncio.gather(*(later(x) for x in range(100)))

    with Session(Caching(objects), inherit=False, strict=True):
        assert asyncio.run(main()) == asyncio.run(main()) == list(range(100))
