"""What may be given as a store."""

from __future__ import annotations

from pathlib import Path

import pytest

from pegboard import ConfigError
from pegboard_datasets import LocalStore, MemoryStore, ObjectStore
from pegboard_datasets._opening import open_store


@pytest.mark.parametrize(
    ("given", "kind", "address"),
    [
        ("/data", LocalStore, "/data"),
        (Path("/data"), LocalStore, "/data"),
        ("file:///my%20data", LocalStore, "/my data"),
        ("file://localhost/data", LocalStore, "/data"),
        ("s3://bucket/x", ObjectStore, "s3://bucket/x"),
        (
            "abfss://container@account.dfs.core.windows.net/x",
            ObjectStore,
            "abfss://container@account.dfs.core.windows.net/x",
        ),
    ],
    ids=str,
)
def test_paths_and_urls_are_opened(given, kind, address) -> None:
    """A path and a `file:` URL are folders, any other URL is an object store; nothing is touched yet."""
    store = open_store(given)
    assert (type(store), store.address) == (kind, address)


def test_memory_is_a_url_too() -> None:
    """`memory://` is a new store each time."""
    assert isinstance(open_store("memory://"), MemoryStore)


def test_a_store_is_itself(refusing) -> None:
    """Anything with the methods of a store will do."""
    assert open_store(refusing) is refusing


@pytest.mark.parametrize("given", ["", "a\0b", b"data", "file://host/x", "file://"], ids=repr)
def test_what_is_no_path_is_refused(given) -> None:
    """With a ConfigError, or a TypeError for another type."""
    with pytest.raises((ConfigError, TypeError)):
        open_store(given)


def test_a_file_is_no_folder(tmp_path) -> None:
    """Refused where it is written, and not when the first value is saved."""
    (tmp_path / "x").write_text("")
    for given in (tmp_path / "x", (tmp_path / "x").as_uri()):
        with pytest.raises(ConfigError, match="is a file"):
            open_store(given)


def test_a_url_of_no_known_kind_is_refused() -> None:
    """With the kinds that there are."""
    with pytest.raises(ConfigError, match="s3, s3a, gs"):
        open_store("redis://host/0")


@pytest.mark.parametrize(
    ("given", "text"),
    [(3, "lacks put, get"), (MemoryStore, "forget the parentheses"), (None, "no Store")],
    ids=str,
)
def test_what_is_no_store_is_refused(given, text) -> None:
    """The error says what is missing."""
    with pytest.raises(TypeError, match=text):
        open_store(given)
