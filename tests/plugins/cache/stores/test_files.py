"""The store in a folder."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from itertools import count
from pathlib import Path

import pytest

from pegboard import Session, task
from pegboard_cache import Cache, Caching, Entry
from pegboard_cache._store import Store, Unstorable
from pegboard_cache.stores.files import FileStore

ENTRY = Entry("value", 1000.0, None)


@pytest.fixture
def root(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def store(root):
    """An empty store."""
    made = FileStore(str(root))
    yield made
    made.close()


def value_files(root):
    return sorted(path for path in Path(root, "values").iterdir() if not path.name.startswith("partial"))


def test_is_a_store(store):
    """It has everything that the protocol asks for."""
    assert isinstance(store, Store)


def test_nothing_is_made_before_the_first_value(root, store):
    """Looking, counting and clearing create nothing."""
    assert store.get("a") is None
    assert not store.delete("a")
    assert store.clear() == 0
    assert store.usage().entries == 0
    assert not root.exists()


def test_kept_for_the_next_process(root, store):
    """Another store on the same folder finds the entry."""
    store.put("a", ENTRY)
    store.close()
    other = FileStore(str(root))
    assert other.get("a") == ENTRY
    assert other.usage().entries == 0 or other.usage().entries == 1
    other.close()


def test_modes(root):
    """Files are 0600 and folders 0700, also under umask 000."""
    before = os.umask(0)
    try:
        store = FileStore(str(root))
        store.put("a", ENTRY)
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in [root, *root.rglob("*")]}
        store.close()
    finally:
        os.umask(before)
    assert {mode for name, mode in modes.items() if name in {"cache", "values"}} == {0o700}
    assert {mode for name, mode in modes.items() if name not in {"cache", "values"}} == {0o600}
    assert len(modes) >= 4


@pytest.mark.parametrize("share", [0, 0.01, 0.1, 0.5, -1], ids=["0", "1%", "10%", "50%", "all but one"])
def test_cut_file_is_replaced(root, share):
    """An entry cut at any length is a miss, counted, and replaced by the next run."""
    runs = count()

    @task(Cache())
    def body():
        next(runs)
        return "x" * 1000

    caching = Caching(root)
    with Session(caching, inherit=False):
        body()
        (file,) = value_files(root)
        data = file.read_bytes()
        file.write_bytes(data[: share if share < 0 else int(len(data) * share)])
        assert body() == "x" * 1000
        assert body() == "x" * 1000
    assert next(runs) == 2
    assert caching.stats().damaged == 1


def test_flipped_bytes_are_misses(root, store):
    """Whichever byte of the file is changed, the entry is a miss and never a wrong value."""
    store.put("a", ENTRY)
    (file,) = value_files(root)
    data = file.read_bytes()
    places = range(0, len(data), max(1, len(data) // 64))
    for place in places:
        changed = bytearray(data)
        changed[place] ^= 0xFF
        file.write_bytes(bytes(changed))
        assert store.get("a") is None
        assert not file.exists()
    assert store.usage().damaged == len(places)


def test_exchanged_files_are_misses(root, store):
    """A file put in another's place is whole, and still no answer."""
    store.put("a", Entry("a", 0.0, None))
    store.put("b", Entry("b", 0.0, None))
    one, other = value_files(root)
    data = one.read_bytes(), other.read_bytes()
    one.write_bytes(data[1])
    other.write_bytes(data[0])
    assert store.get("a") is None
    assert store.get("b") is None


@pytest.mark.parametrize("harm", ["empty", "text", "flip", "gone", "schema"])
def test_damaged_index_is_made_anew(root, harm):
    """The index decides nothing; damaged or lost, it is rebuilt from the files and no value is lost."""
    store = FileStore(str(root))
    for i in range(50):
        store.put(f"p:{i}", Entry(i, 0.0, None))
    store.close()
    index = root / "index.sqlite"
    data = bytearray(index.read_bytes())
    if harm == "empty":
        index.write_bytes(b"")
    elif harm == "text":
        index.write_bytes(b"not a database " * 500)
    elif harm == "flip":
        data[100:3000] = b"\xff" * 2900
        index.write_bytes(data)
    elif harm == "gone":
        index.unlink()
    else:
        index.unlink()
        with sqlite3.connect(index) as other:
            other.execute("CREATE TABLE entries (something TEXT)")
        other.close()
    again = FileStore(str(root))
    again.put("p:new", ENTRY)
    assert [again.get(f"p:{i}").value for i in range(50)] == list(range(50))
    assert again.usage().entries == 51
    assert again.clear("p:") == 51
    again.close()


def test_removed_folder_is_made_anew(root, store):
    """A folder that is deleted under an open store is a miss and comes back."""
    import shutil

    store.put("a", ENTRY)
    shutil.rmtree(root)
    assert store.get("a") is None
    store.put("a", ENTRY)
    assert store.get("a") == ENTRY


def test_size_bound(root):
    """At the limit the least recently used files go, index and folder agree."""
    store = FileStore(str(root), 10_000)
    for name in "abc":
        store.put(name, Entry(b"x" * 2500, 0.0, None))
    store.get("a")
    store.put("d", Entry(b"x" * 2500, 0.0, None))
    assert [name for name in "abcd" if store.get(name)] == ["a", "c", "d"]
    assert store.usage().bytes == sum(file.stat().st_size for file in value_files(root)) <= 10_000
    with pytest.raises(Unstorable):
        store.put("e", Entry(b"x" * 20_000, 0.0, None))
    store.close()


def test_bound_under_threads(root):
    """Eight threads that write, read and evict never fail and keep the bound."""
    store, failures = FileStore(str(root), 100_000), []

    def work(seed):
        try:
            for i in range(60):
                store.put(f"{seed}-{i % 20}", Entry(b"x" * 300 * (i % 20), 0.0, None))
                found = store.get(f"{(seed + 1) % 8}-{i % 20}")
                assert found is None or len(found.value) == 300 * (i % 20)
        except BaseException as error:  # noqa: BLE001 - told below
            failures.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert store.usage().bytes == sum(file.stat().st_size for file in value_files(root)) <= 100_000
    store.close()


HOSTILE = ["..", "../../escaped", "/tmp/escaped", "C:\\escaped", "a\0b", "a\\b", "x" * 300, "s3://b/k", "", "\ud800", "-rf", "values", "index.sqlite"]  # fmt: skip


def test_keys_stay_under_the_root(tmp_path, store, root):
    """Whatever the key, only the store's own folder has anything in it."""
    for number, key in enumerate(HOSTILE):
        store.put(key, Entry(number, 0.0, None))
    assert [store.get(key).value for key in HOSTILE] == list(range(len(HOSTILE)))
    assert list(tmp_path.iterdir()) == [root]
    assert {path.name for path in root.iterdir()} <= {
        "values",
        "index.sqlite",
        "index.sqlite-wal",
        "index.sqlite-shm",
    }
    assert all(len(file.name) == 64 for file in value_files(root))


def test_links_are_not_followed(tmp_path, store, root):
    """A link in place of a value is a failure on reading, and is replaced, not followed, on writing."""
    store.put("a", ENTRY)
    (file,) = value_files(root)
    outside = tmp_path / "outside"
    outside.write_text("mine")
    file.unlink()
    file.symlink_to(outside)
    with pytest.raises(OSError, match="symbolic link"):
        store.get("a")
    store.put("a", ENTRY)
    assert outside.read_text() == "mine"
    assert store.get("a") == ENTRY


def test_linked_folder_is_refused(tmp_path, root):
    """A folder of values that is a link out of the root is not written to."""
    outside = tmp_path / "outside"
    outside.mkdir()
    root.mkdir()
    (root / "values").symlink_to(outside)
    store = FileStore(str(root))
    with pytest.raises(OSError, match="link"):
        store.put("a", ENTRY)
    assert list(outside.iterdir()) == []
    store.close()


WRITER = """
import os, sys
from pegboard_cache import Entry
from pegboard_cache.stores.files import FileStore
store = FileStore(sys.argv[1])
for i in range(int(sys.argv[2])):
    store.put("k", Entry(bytes([i % 256]) * int(sys.argv[3]), float(i), None))
    print(i, flush=True)
store.close()
"""


def writer(root, times, size=2_000_000):
    command = [sys.executable, "-c", WRITER, str(root), str(times), str(size)]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def test_readers_see_whole_values(root, store):
    """While another process rewrites 20 MB ten times, a reader finds one whole value after the other, of one size."""
    with writer(root, 10, 20_000_000) as process:
        process.stdout.readline()
        seen, sizes = set(), set()
        while process.poll() is None:
            found = store.get("k")
            assert found is not None
            assert found.value == found.value[:1] * 20_000_000
            seen.add(found.stored_at)
            sizes |= {file.stat().st_size for file in value_files(root)}
    assert process.returncode == 0
    assert store.usage().damaged == 0
    assert seen
    assert len(sizes) == 1


def test_killed_writer(root, store):
    """A writer killed in the middle leaves the old value or the new one, and a store that works."""
    with writer(root, 1000) as process:
        for _ in range(3):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    found = store.get("k")
    assert found.value == found.value[:1] * 2_000_000
    store.put("other", ENTRY)
    assert store.usage().entries == 2
    assert store.usage().damaged == 0


def test_processes_share_a_folder(root):
    """Four processes write and read one folder, and all their entries are there."""
    code = (
        "import sys; from pegboard_cache import Entry; from pegboard_cache.stores.files import FileStore\n"
        "s = FileStore(sys.argv[1])\n"
        "for i in range(25): s.put(f'{sys.argv[2]}-{i}', Entry(i, 0.0, None)); assert s.get(f'{sys.argv[2]}-{i}').value == i\n"
        "s.close()"
    )
    processes = [subprocess.Popen([sys.executable, "-c", code, str(root), str(n)]) for n in range(4)]
    assert [process.wait(60) for process in processes] == [0] * 4
    store = FileStore(str(root))
    store.put("last", ENTRY)
    assert store.usage().entries == 101
    store.close()


FULL = """
import resource, signal, sys
from pegboard import Session, task
from pegboard_cache import Cache, Caching
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
runs = []
@task(Cache())
def f(x):
    runs.append(x)
    return "v" * 500_000
caching = Caching(sys.argv[1])
with Session(caching):
    if sys.argv[2] != "0":
        f(0)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
    assert f(1) == f(2) == "v" * 500_000
    assert runs[-2:] == [1, 2], runs
    assert caching.stats().failures >= 2
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    f(1)
    f(1)
assert runs[-2:] == [2, 1], runs
"""


@pytest.mark.parametrize("limit", [0, 200_000], ids=["nothing can be written", "no value can be written"])
def test_full_disk(tmp_path, root, limit):
    """On a full disk the value is returned, the body ran once, one warning came, and space mends it."""
    done = subprocess.run(
        [sys.executable, "-c", FULL, root, str(limit)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("cannot write") == 1
    assert not list(root.rglob("partial-*"))


def test_poisoned_pickle_runs_nothing(root, tmp_path, store):
    """A pickle planted as a value is a damaged entry, and its code never runs."""
    import pickle

    flag = tmp_path / "flag"

    class Bomb:
        def __reduce__(self):
            return (Path.touch, (flag,))

    store.put("a", ENTRY)
    (file,) = value_files(root)
    file.write_bytes(pickle.dumps(Bomb()))
    assert store.get("a") is None
    assert not flag.exists()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_fork(root, store):
    """After a fork both processes go on with the store, each over a connection of its own."""
    store.put("parent", ENTRY)
    inherited = store._index
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            store.put("child", ENTRY)
            code = 42 if store.get("parent") == ENTRY and store._index is not inherited else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 42
    assert store.get("child") == ENTRY
    store.put("after", ENTRY)
    assert store.usage().entries == 3


def test_synced_before_it_is_renamed(root, store, monkeypatch):
    """The bytes are on the disk before the file has its name."""
    done = []
    sync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda file: (done.append("sync"), sync(file)))
    monkeypatch.setattr(os, "replace", lambda old, new: (done.append("rename"), replace(old, new)))
    store.put("a", ENTRY)
    assert done == ["sync", "rename"]


def test_old_partial_files_are_removed(root, store):
    """What a killed writer left long ago is removed; what may still be written stays."""
    store.put("a", ENTRY)
    store.close()
    old, new = root / "values" / "partial-old", root / "values" / "partial-new"
    old.write_bytes(b"x")
    new.write_bytes(b"x")
    os.utime(old, (1, 1))
    store.put("b", ENTRY)
    assert not old.exists()
    assert new.exists()
