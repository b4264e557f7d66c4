"""The index of a folder, when it is damaged or held by somebody else."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from pegboard import Session, task
from pegboard_cache import Cache, Caching, Entry
from pegboard_cache.stores.files import FileStore


def filled(root, count=20):
    """A folder with entries, all of them noted."""
    store = FileStore(str(root))
    for number in range(count):
        store.put(f"p:{number}", Entry(number, 0.0, None))
    store.close()
    return root / "index.sqlite"


def sql(*statements):
    """Damage an index as somebody would who can write SQL."""

    def harm(path):
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute("PRAGMA writable_schema = ON")
            for statement in statements:
                db.execute(statement)

    return harm


def with_bytes(change):
    """Damage the file itself."""

    def harm(path):
        path.write_bytes(change(path.read_bytes()))

    return harm


def in_its_place(make):
    """Put something else there."""

    def harm(path):
        path.unlink()
        make(path)

    return harm


def beside(suffix, data):
    """Put garbage beside it."""

    def harm(path):
        Path(f"{path}{suffix}").write_bytes(data)

    return harm


def a_folder_as_its_log(path):
    """Put a folder where SQLite writes ahead."""
    log = Path(f"{path}-wal")
    log.unlink(missing_ok=True)
    log.mkdir()


def undecodable(data):
    """Break a name and a key in the middle of their texts."""
    place = data.rindex(b"p:1")
    return data[:place] + b"\xff" + data[place + 1 :]


HARMS = {
    "empty": with_bytes(lambda data: b""),
    "garbage": with_bytes(lambda data: b"not a database " * 500),
    "truncated": with_bytes(lambda data: data[: len(data) // 2]),
    "first page only": with_bytes(lambda data: data[:4096]),
    "cut in the header": with_bytes(lambda data: data[:50]),
    "pages of zeros": with_bytes(lambda data: data[:4096] + bytes(len(data) - 4096)),
    "pages exchanged": with_bytes(
        lambda data: data[:4096] + data[8192:12288] + data[4096:8192] + data[12288:]
    ),
    "bytes that are no text": with_bytes(undecodable),
    "a flipped byte in a name": sql("UPDATE entries SET name = 'x' || name WHERE key = 'p:1'"),
    "a name that is a number": sql("UPDATE entries SET name = CAST(1 AS BLOB) WHERE key = 'p:1'"),
    "another key": sql("UPDATE entries SET key = 'q:1' WHERE key = 'p:1'"),
    "text as a size": sql("UPDATE entries SET size = 'abc' WHERE key = 'p:1'"),
    "a fraction as a size": sql("UPDATE entries SET size = 1.5 WHERE key = 'p:1'"),
    "a size below zero": sql("UPDATE entries SET size = -5 WHERE key = 'p:1'"),
    "another size": sql("UPDATE entries SET size = size + 1000000 WHERE key = 'p:1'"),
    "text as a time": sql("UPDATE entries SET used = 'abc' WHERE key = 'p:1'"),
    "a time to come": sql("UPDATE entries SET used = 1e18 WHERE key = 'p:1'"),
    "text as the total": sql("UPDATE total SET bytes = 'abc'"),
    "another total": sql("UPDATE total SET bytes = bytes * 1000"),
    "a total below zero": sql("UPDATE total SET bytes = -1000000000"),
    "no total": sql("DELETE FROM total"),
    "two totals": sql("INSERT INTO total VALUES (1)"),
    "rows that lead nowhere": sql("INSERT INTO entries VALUES ('nowhere', 'p:x', 1000000000, 1.0)"),
    "rows lost": sql("DELETE FROM entries WHERE key <> 'p:1'"),
    "no rows": sql("DELETE FROM entries"),
    "no triggers": sql("DROP TRIGGER added", "DROP TRIGGER removed"),
    "a trigger of others": sql("CREATE TRIGGER t AFTER INSERT ON entries BEGIN DELETE FROM entries; END"),
    "a trigger that refuses": sql(
        "CREATE TRIGGER t BEFORE INSERT ON entries BEGIN SELECT RAISE(ABORT, 'no'); END"
    ),
    "an index of others": sql("CREATE UNIQUE INDEX one ON entries (size) WHERE key > 'p:9'"),
    "no entries": sql("DROP TABLE entries"),
    "other columns": sql("DROP TABLE entries", "CREATE TABLE entries (something TEXT)"),
    "a column more": sql("ALTER TABLE entries ADD COLUMN more TEXT"),
    "a view": sql("DROP TABLE entries", "CREATE VIEW entries AS SELECT 1 AS name"),
    "a schema that is no SQL": sql("UPDATE sqlite_master SET sql = 'nonsense' WHERE name = 'entries'"),
    "a folder": in_its_place(lambda path: (path.mkdir(), (path / "x").touch())),
    "a pipe": in_its_place(os.mkfifo),
    "a link": in_its_place(lambda path: path.symlink_to("elsewhere")),
    "gone": in_its_place(lambda path: None),
    "garbage as its log": beside("-wal", b"garbage" * 1000),
    "garbage as its shared memory": beside("-shm", b"garbage" * 6000),
    "garbage as its journal": beside("-journal", b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7" + b"g" * 5000),
    "a folder as its log": a_folder_as_its_log,
}


@pytest.mark.parametrize("harm", HARMS.values(), ids=HARMS)
@pytest.mark.parametrize("when", ["before", "while open"])
def test_any_damage_is_healed(tmp_path, harm, when):
    """Whatever is wrong with the index, no value is lost, what is new is kept, and counting and clearing are right."""
    path = filled(tmp_path / "cache")
    store = FileStore(str(tmp_path / "cache"))
    if when == "while open":
        store.put("p:0", Entry(0, 0.0, None))
    harm(path)
    store.put("p:new", Entry("new", 0.0, None))
    store.close()
    again = FileStore(str(tmp_path / "cache"))
    again.put("q:new", Entry("new", 0.0, None))
    assert [again.get(f"p:{number}").value for number in range(20)] == list(range(20))
    files = (tmp_path / "cache" / "values").iterdir()
    usage = again.usage()
    assert (usage.entries, usage.bytes) == (22, sum(file.stat().st_size for file in files))
    assert (again.clear("p:"), again.clear()) == (21, 1)
    again.close()


@pytest.mark.parametrize("harm", HARMS.values(), ids=HARMS)
def test_the_bound_is_kept_after_damage(tmp_path, harm):
    """Room is made as before, also where the damaged index would have said that there is plenty, or none."""
    path = filled(tmp_path / "cache")
    harm(path)
    store = FileStore(str(tmp_path / "cache"), 50_000)
    for number in range(12):
        store.put(f"n:{number}", Entry(b"x" * 5000, 0.0, None))
    kept = [number for number in range(12) if store.get(f"n:{number}")]
    assert kept[-1] == 11
    assert len(kept) == 9
    store.close()


HOLDER = """
import sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA locking_mode = " + sys.argv[2])
db.execute("BEGIN EXCLUSIVE")
db.execute("UPDATE total SET bytes = bytes")
print("holds", flush=True)
time.sleep(60)
"""


@pytest.fixture(params=["NORMAL", "EXCLUSIVE"])
def held(request, tmp_path):
    """A folder whose index another process holds, and stands still."""
    path = filled(tmp_path / "cache", 3)
    command = [sys.executable, "-c", HOLDER, str(path), request.param]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"holds\n"
        process.send_signal(signal.SIGSTOP)
        yield tmp_path / "cache", process
        process.kill()


@pytest.mark.parametrize("opened", ["opened before", "opened now"])
def test_held_index(held, opened, warnings_of_cache):
    """While a frozen process holds the index values are kept and found, nobody waits for it, and nothing has failed."""
    root, process = held
    caching = Caching(root)

    @task(Cache())
    def body(x):
        return x

    with Session(caching, inherit=False, strict=True):
        if opened == "opened before":
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()
            body(-1)
            with closing(sqlite3.connect(root / "index.sqlite", isolation_level=None)) as holder:
                holder.execute("BEGIN IMMEDIATE")
                values, seconds = calls(body)
        else:
            values, seconds = calls(body)
        assert values == [*range(40)] * 2
    stats = caching.stats()
    assert (stats.hits, stats.failures) == (40, 0)
    assert seconds < 4  # of 80 calls: each waited 5 s, once
    assert warnings_of_cache() == []


def calls(body):
    begun = time.monotonic()
    return [body(x) for x in [*range(40)] * 2], time.monotonic() - begun


def test_what_waited_is_noted(tmp_path):
    """What could not be noted is noted later, by this process or by the next."""
    root = tmp_path / "cache"
    path = filled(root, 3)
    one, other = FileStore(str(root)), FileStore(str(root))
    one.put("q:1", Entry(1, 0.0, None))
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        one.put("q:2", Entry(2, 0.0, None))
        one.delete("q:1")
        assert one.usage().entries == 4
        assert one.clear("p:") == 3
        holder.execute("ROLLBACK")
    one.close()
    assert other.usage().entries == 1
    other.put("q:3", Entry(3, 0.0, None))
    assert other.clear("q:") == 2
    other.close()


@pytest.mark.parametrize("what", ["folder", "pipe"])
def test_something_else_in_place_of_a_value(tmp_path, what):
    """What is no file is damaged, nobody waits for it, and it is replaced."""
    filled(tmp_path / "cache", 1)
    (file,) = (tmp_path / "cache" / "values").iterdir()
    file.unlink()
    os.mkfifo(file) if what == "pipe" else (file / "deep").mkdir(parents=True)
    store = FileStore(str(tmp_path / "cache"))
    assert store.get("p:0") is None
    store.put("p:0", Entry("new", 0.0, None))
    assert store.get("p:0").value == "new"
    assert store.usage().damaged == 1
    store.close()
