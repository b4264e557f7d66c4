"""The index of a folder."""

from __future__ import annotations

import ast
import sqlite3
import threading
from pathlib import Path

import pytest

import pegboard_cache
from pegboard_cache.stores.index import Index


@pytest.fixture
def index(tmp_path):
    """An empty index."""
    made = Index(tmp_path / "index.sqlite")
    yield made
    made.close()


def put(index, name, key, size=10, used=0.0, most=1000):
    return index.put(name, key, size, used, {}, most)


@pytest.mark.parametrize("key", ["'", '"', "'; drop table entries; --", "%", "_", "a\0b", "é" * 300])
def test_hostile_keys(index, key):
    """Whatever a key holds is a key, and a prefix is a prefix."""
    put(index, "one", f"{key}:1")
    put(index, "two", "other:1")
    assert index.forget_prefix(f"{key}:") == ["one"]
    assert index.names() == {"two"}


def test_parameters_are_bound():
    """No SQL of this plugin is put together from parts: every statement is written out."""
    statements = []
    for file in Path(pegboard_cache.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "").startswith("execute"):
                statements += [(file.name, argument) for argument in node.args[:1]]
    assert len(statements) > 5
    texts = (ast.Constant, ast.Name)  # a text, or the constant that holds the schema
    assert [each for each in statements if not isinstance(each[1], texts)] == []


def test_oldest_go_first(index):
    """What was used least recently is forgotten until the rest fits; never the entry that came last."""
    for number in range(10):
        put(index, f"n{number}", "k", 100, float(number))
    assert put(index, "new", "k", 100, 0.5) == ["n0"]
    assert set(put(index, "large", "k", 950, 0.0)) == {"new", *(f"n{number}" for number in range(1, 10))}
    assert index.count() == (1, 950)


def test_a_new_index_waits_for_who_opens_it_too(tmp_path) -> None:
    """SQLite itself does not wait before it switches to write-ahead logging, and another process may be at it."""
    path = tmp_path / "index.sqlite"
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("CREATE TABLE taken (x)")
    other.execute("BEGIN IMMEDIATE")  # a write in the old mode, which bars the switch
    writer = threading.Timer(0.05, other.execute, ["COMMIT"])
    writer.start()
    Index(path).close()
    writer.join()
    other.close()
