"""Object stores: obstore against a server on loopback that keeps objects as S3 does."""

from __future__ import annotations

import pickle
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pegboard import ConfigError, Session, task
from pegboard_datasets import (
    Dataset,
    DatasetError,
    DatasetNotFound,
    Datasets,
    InvalidKey,
    ObjectStore,
    Persist,
)


class Bucket(BaseHTTPRequestHandler):
    """Answers PUT, GET, HEAD, and the POST with which objects are deleted; refuses all when told to."""

    protocol_version = "HTTP/1.1"

    def do_PUT(self):
        data = self.rfile.read(int(self.headers["Content-Length"]))
        if not self.server.refuses:
            self.server.objects[self.path] = data
        self.answer(b"")

    def do_GET(self):
        found = self.server.objects.get(self.path)
        self.answer(found or b"", 404 if found is None else 200)

    do_HEAD = do_GET  # noqa: N815 - the base class asks for this name

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        key = re.search("<Key>(.*?)</Key>", body)[1]
        self.server.objects.pop(f"/bucket/{key}")
        self.answer(f"<DeleteResult><Deleted><Key>{key}</Key></Deleted></DeleteResult>".encode())

    def answer(self, body, status=200):
        self.send_response(403 if self.server.refuses else status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"1"')
        self.send_header("Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def bucket():
    """A server; its `objects` are what was put, `refuses` makes it answer 403."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Bucket) as server:
        server.objects, server.refuses = {}, False
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def options(bucket):
    """What obstore needs to reach the server."""
    return {
        "endpoint": f"http://127.0.0.1:{bucket.server_port}",
        "region": "eu-west-1",
        "access_key_id": "AK",
        "secret_access_key": "canary",
        "client_options": {"allow_http": True},
        "retry_config": {"max_retries": 0},
    }


@pytest.fixture
def store(options):
    """A store in that bucket, below a prefix."""
    return ObjectStore("s3://bucket/prefix", **options)


def test_values_are_written_read_measured_and_removed(store, bucket) -> None:
    """The four methods of a store, under the prefix of the URL."""
    assert (store.get("a/b.bin"), store.size("a/b.bin"), store.delete("a/b.bin")) == (None, None, False)
    store.put("a/b.bin", b"123")
    assert bucket.objects == {"/bucket/prefix/a/b.bin": b"123"}
    assert (store.get("a/b.bin"), store.size("a/b.bin")) == (b"123", 3)
    assert (store.delete("a/b.bin"), store.get("a/b.bin")) == (True, None)


def test_keys_are_not_decoded_on_the_way(store) -> None:
    """A percent sign, a blank and a letter with an accent are themselves."""
    for key in ("a%2e%2e/b", "ä ö/x", "a#b?c", "a+b"):
        store.put(key, key.encode())
    assert [store.get(key).decode() for key in ("a%2e%2e/b", "ä ö/x", "a#b?c", "a+b")] == [
        "a%2e%2e/b",
        "ä ö/x",
        "a#b?c",
        "a+b",
    ]


def test_hostile_keys_reach_no_server(store, bucket, hostiles) -> None:
    """The same keys are refused as for files."""
    for use in (store.get, store.size, store.delete, lambda key: store.put(key, b"x")):
        for hostile in hostiles:
            with pytest.raises(InvalidKey):
                use(hostile)
    assert bucket.objects == {}


def test_a_task_saves_into_a_bucket_and_its_reference_is_loaded(store, bucket, twin) -> None:
    """`Dataset` and `Persist` in an object store, sync and async."""
    kept = task(Dataset("{day}.json"), Persist())(twin(lambda day: {"day": day}))
    with Session(Datasets(store=store), inherit=False) as session:
        ref = kept.run("mon").unwrap()
        assert session.plugins["datasets"].load("mon.json") == {"day": "mon"}
        assert ref.load() == {"day": "mon"}
    assert ref.store == "s3://bucket/prefix"
    assert set(bucket.objects) == {"/bucket/prefix/mon.json", f"/bucket/prefix/{ref.key}"}


def test_a_missing_object_is_not_found(store) -> None:
    """As a missing file is."""
    with pytest.raises(DatasetNotFound, match=r"'a\.json' in s3://bucket/prefix"):
        Datasets(store=store).load("a.json")


def test_a_server_that_refuses_is_an_error_of_datasets(store, bucket) -> None:
    """The function ran once, the error says what was refused, and shows neither value nor credentials."""
    runs = []

    @task(Dataset("x.json"))
    def work():
        runs.append(1)
        return {"v": "canary"}

    bucket.refuses = True
    with Session(Datasets(store=store), inherit=False):
        error = work.run().error
    assert isinstance(error, DatasetError)
    assert (runs, error.key, error.store) == ([1], "x.json", "s3://bucket/prefix")
    assert "canary" not in str(error)


def test_credentials_stay_in_the_process(store) -> None:
    """They are in no repr, address or reference; a pickled store takes them along, to a worker."""
    assert "canary" not in repr(store) + store.address
    store.put("a", b"x")
    assert pickle.loads(pickle.dumps(store)).get("a") == b"x"


@pytest.mark.parametrize(
    "url",
    ["s3://key:secret@bucket/x", "https://host/x?sig=secret", "s3://bucket#x", "bucket", "", "C://x"],
)
def test_a_url_that_says_too_much_is_refused(url) -> None:
    """A password or signature in a URL would travel in every reference; the error does not repeat it."""
    with pytest.raises(ConfigError) as caught:
        ObjectStore(url)
    assert "secret" not in str(caught.value)


def test_obstore_is_imported_with_the_first_value() -> None:
    """Neither the package nor making a store imports it, nor any library of frames."""
    code = (
        "import sys, pegboard_datasets as d; d.Datasets(store='s3://bucket/x'); "
        "print([m for m in ('obstore', 'numpy', 'pandas', 'polars', 'pyarrow') if m in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"


def test_without_obstore_the_error_names_the_extra() -> None:
    """It is raised where the store is made, before any task runs."""
    code = "import sys; sys.modules['obstore'] = None; import pegboard_datasets as d; d.Datasets(store='s3://bucket/x')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (
        "MissingPlugin: object stores need obstore: pip install 'pegboard[datasets-objects]'" in done.stderr
    )


def test_a_forked_child_does_not_wait_for_threads_of_its_parent(store, in_child) -> None:
    """Threads of obstore do not come along; elsewhere a child would wait for ever."""
    store.put("a", b"1")

    def child():
        with pytest.raises(OSError, match="obstore was in use when this process was forked"):
            store.get("a")
        return True

    assert in_child(child) is True
    assert store.get("a") == b"1"
