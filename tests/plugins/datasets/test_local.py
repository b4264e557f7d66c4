"""Files: whole, private, and under their root."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
import time

import pytest

from pegboard_datasets import Datasets, InvalidKey, LocalStore
from pegboard_datasets._key import PARTIAL


@pytest.fixture
def store(root):
    """A store whose folder does not exist yet."""
    return LocalStore(root)


def test_values_are_written_read_measured_and_removed(store) -> None:
    """The four methods of a store."""
    assert (store.get("a/b.bin"), store.size("a/b.bin"), store.delete("a/b.bin")) == (None, None, False)
    store.put("a/b.bin", b"123")
    assert (store.get("a/b.bin"), store.size("a/b.bin")) == (b"123", 3)
    store.put("a/b.bin", b"")
    assert (store.get("a/b.bin"), store.size("a/b.bin")) == (b"", 0)
    assert (store.delete("a/b.bin"), store.get("a/b.bin")) == (True, None)


def test_a_folder_is_no_value(store) -> None:
    """A key that names a folder has nothing, a key below a file neither, and neither can be written."""
    store.put("a/b", b"x")
    assert (store.get("a"), store.size("a")) == (None, None)
    assert (store.get("a/b/c"), store.size("a/b/c"), store.delete("a/b/c")) == (None, None, False)
    with pytest.raises(OSError):
        store.put("a", b"x")
    with pytest.raises(OSError):
        store.put("a/b/c", b"x")


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077], ids=oct)
def test_files_are_for_their_owner_alone(root, umask) -> None:
    """Files 0600, folders 0700, whatever the umask, also when they are written anew."""
    before = os.umask(umask)
    try:
        store = LocalStore(root / "deeper")
        store.put("a/b/c.bin", b"x")
        (root / "deeper/a/b/c.bin").chmod(0o644)
        store.put("a/b/c.bin", b"y")
    finally:
        os.umask(before)
    modes = {str(path.relative_to(root)): stat.S_IMODE(path.stat().st_mode) for path in root.rglob("*")}
    assert modes == {"deeper": 0o700, "deeper/a": 0o700, "deeper/a/b": 0o700, "deeper/a/b/c.bin": 0o600}
    assert stat.S_IMODE(root.stat().st_mode) == 0o700


def test_hostile_keys_touch_nothing(tmp_path, root, hostile, files_in) -> None:
    """For every hostile key: an error in each method, and nothing in the folder around the root but what was there."""
    outside = tmp_path / "outside.txt"
    outside.write_text("as it was")
    store = LocalStore(root)
    for use in (lambda: store.put(hostile, b"x"), lambda: store.get(hostile), lambda: store.size(hostile)):
        with pytest.raises(InvalidKey):
            use()
    with pytest.raises(InvalidKey):
        store.delete(hostile)
    assert files_in(tmp_path) == ["outside.txt"]
    assert outside.read_text() == "as it was"


def test_links_out_of_the_root_are_not_followed(tmp_path, root, store) -> None:
    """A linked folder or file that leads out is refused in every method, and what it leads to is untouched."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.txt").write_text("secret")
    store.put("x", b"x")
    (root / "folder").symlink_to(tmp_path / "outside")
    (root / "file.txt").symlink_to(tmp_path / "outside" / "secret.txt")
    for key in ("folder/secret.txt", "folder/new.txt"):
        for use in (
            lambda key=key: store.put(key, b"x"),
            lambda key=key: store.get(key),
            lambda key=key: store.delete(key),
        ):
            with pytest.raises(InvalidKey, match="link"):
                use()
    with pytest.raises(InvalidKey, match="link"):
        store.get("file.txt")
    store.put("file.txt", b"mine")  # replaces the link, not what it leads to
    assert store.get("file.txt") == b"mine"
    assert [p.name for p in (tmp_path / "outside").iterdir()] == ["secret.txt"]
    assert (tmp_path / "outside" / "secret.txt").read_text() == "secret"


def test_the_plugin_says_what_a_link_is(tmp_path, root) -> None:
    """The refusal of the store arrives as it is."""
    (tmp_path / "outside").mkdir()
    root.mkdir()
    (root / "folder").symlink_to(tmp_path / "outside")
    with pytest.raises(InvalidKey, match="link"):
        Datasets(root).save("folder/x.json", 1)


def test_links_that_stay_under_the_root_are_followed(root, store) -> None:
    """A link such as `latest` is an ordinary way to name a file; so is a root that is a link itself."""
    store.put("2024/a.txt", b"x")
    (root / "latest").symlink_to(root / "2024")
    assert store.get("latest/a.txt") == b"x"
    linked = root.parent / "linked"
    linked.symlink_to(root)
    assert LocalStore(linked).get("2024/a.txt") == b"x"


def test_a_pipe_is_not_waited_for(root, store) -> None:
    """What is no file has no value, and nobody hangs."""
    store.put("x", b"x")
    os.mkfifo(root / "pipe")
    assert (store.get("pipe"), store.size("pipe")) == (None, None)


def test_a_relative_root_is_that_of_now(tmp_path, monkeypatch) -> None:
    """Changing the folder later does not move the root, and the address is absolute."""
    monkeypatch.chdir(tmp_path)
    store = LocalStore("here")
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path / "other")
    store.put("a", b"x")
    assert (tmp_path / "here" / "a").read_bytes() == b"x"
    assert store.address == str(tmp_path / "here")


def test_a_failed_write_leaves_what_was_there(root, store, files_in) -> None:
    """No partial file, and the old value whole."""
    store.put("a/x", b"old")
    with pytest.raises(TypeError):
        store.put("a/x", 3)
    assert files_in(root) == ["a/x"]
    assert store.get("a/x") == b"old"


FULL = """
import resource, sys
from pegboard import Session, task
from pegboard_datasets import Dataset, Datasets
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
runs = []

@task(Dataset("x.txt"))
def work(text):
    runs.append(1)
    return text

with Session(Datasets(sys.argv[1])):
    print(work.run("old").status, type(work.run("new" * 1000).error.__cause__).__name__, len(runs))
"""


def test_a_full_disk_leaves_what_was_there(root, files_in) -> None:
    """A write that the system cuts: the function ran once, the old value is whole, and no partial file is left."""
    printed = subprocess.check_output([sys.executable, "-c", FULL, str(root)], text=True)
    assert printed == "ok OSError 2\n"
    assert files_in(root) == ["x.txt"]
    assert (root / "x.txt").read_text() == "old"


POLL = """
import os, sys
from pathlib import Path
path, stop, sizes = Path(sys.argv[1]), Path(sys.argv[2]), set()
print("ready", flush=True)
while not stop.exists():
    try:
        sizes.add(path.stat().st_size)
        sizes.add(len(path.read_bytes()))
    except FileNotFoundError:
        sizes.add(-1)
print(sorted(sizes))
"""


def test_another_process_sees_whole_values_only(tmp_path, root, store) -> None:
    """While 20 MB are written ten times, a second process that polls sees one size."""
    size, stop = 20_000_000, tmp_path / "stop"
    store.put("x.bin", bytes(size))
    poll = subprocess.Popen(
        [sys.executable, "-c", POLL, str(root / "x.bin"), str(stop)], stdout=subprocess.PIPE, text=True
    )
    assert poll.stdout.readline() == "ready\n"
    for turn in range(10):
        store.put("x.bin", bytes([turn]) * size)
    stop.touch()
    assert poll.communicate(timeout=30)[0] == f"[{size}]\n"
    assert poll.returncode == 0


WRITE = """
import sys
from pegboard_datasets import LocalStore
store = LocalStore(sys.argv[1])
print("ready", flush=True)
while True:
    store.put("x.bin", b"2" * 20_000_000)
"""


def test_a_writer_that_is_killed_leaves_a_whole_value(root, store) -> None:
    """`kill -9` in the write: the old value or the new one is there; what is left of the write is no value."""
    for _ in range(3):
        store.put("x.bin", b"1" * 20_000_000)
        writer = subprocess.Popen([sys.executable, "-c", WRITE, str(root)], stdout=subprocess.PIPE)
        assert writer.stdout.readline() == b"ready\n"
        deadline = time.monotonic() + 10
        while not list(root.glob(f"{PARTIAL}*")) and time.monotonic() < deadline:
            time.sleep(0.0005)
        writer.send_signal(signal.SIGKILL)
        writer.wait(10)
        writer.stdout.close()
        value = store.get("x.bin")
        assert len(value) == 20_000_000
        assert len(set(value)) == 1
    assert all(path.name == "x.bin" or path.name.startswith(PARTIAL) for path in root.iterdir())


def test_what_killed_writers_left_is_removed_in_time(root) -> None:
    """Partial files older than an hour go with the first write into their folder; younger ones may be at work."""
    root.mkdir()
    old, young = root / f"{PARTIAL}old", root / f"{PARTIAL}young"
    old.write_bytes(b"x")
    young.write_bytes(b"x")
    past = time.time() - 3700
    os.utime(old, (past, past))
    LocalStore(root).put("a", b"x")
    assert (old.exists(), young.exists()) == (False, True)


def test_threads_write_one_key_at_once(store, root, files_in) -> None:
    """The value is that of one of them, whole, and nothing else is left."""
    values = [bytes([number]) * 100_000 for number in range(8)]
    threads = [threading.Thread(target=store.put, args=("a/b/x.bin", value)) for value in values]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.get("a/b/x.bin") in values
    assert files_in(root) == ["a/b/x.bin"]


def test_the_plugin_walks_no_further_than_its_root(tmp_path, root, hostiles, files_in) -> None:
    """The same through the plugin: hostile keys reach no store."""
    datasets = Datasets(root)
    for use in (lambda key: datasets.save(key, {}), datasets.load, datasets.exists, datasets.delete):
        for hostile in hostiles:
            with pytest.raises(InvalidKey):
                use(hostile)
    assert files_in(tmp_path) == []
