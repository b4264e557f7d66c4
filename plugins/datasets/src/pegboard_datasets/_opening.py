"""From what a user gave as `store` to a store."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from pegboard import ConfigError, texts
from pegboard_datasets._local import LocalStore
from pegboard_datasets._objects import URL, ObjectStore
from pegboard_datasets._store import MemoryStore, Store

if TYPE_CHECKING:
    import attrs

Given = str | os.PathLike[str] | Store | None
_METHODS = ("put", "get", "size", "delete", "address")


def open_store(given: object) -> Store:
    """Make a store of a path or URL; one that is a store already is itself. Nothing is opened, read or made yet.

    Raises:
        ConfigError: It can be neither.
        TypeError: It is none of these at all.
    """
    if isinstance(given, str | os.PathLike):
        return _open_text(os.fspath(given))
    if not isinstance(given, type) and isinstance(given, Store):
        return given
    raise TypeError(_no_store(given))


def valid_store(_: object, __: attrs.Attribute[Any], value: object) -> None:
    """Refuse what is no store where it is written; for options."""
    if value is not None:
        open_store(value)


def _open_text(text: object) -> Store:
    if not isinstance(text, str) or not text or "\0" in text:
        raise ConfigError(f"store {text!r} is no path.", where="datasets", key="store")
    found = URL.match(text)
    if found is None:
        return _folder(text)
    scheme = found[1].lower()
    if scheme == "memory":
        return MemoryStore()
    if scheme == "file":  # files of ours are for their owner alone
        return _folder(_path_of(text))
    return ObjectStore(text)


def _folder(path: str) -> LocalStore:
    store = LocalStore(path)
    if store.root.exists() and not store.root.is_dir():
        raise ConfigError(
            f"store {path!r} is a file, and datasets need a folder.", where="datasets", key="store"
        )
    return store


def _path_of(url: str) -> str:
    from urllib.parse import unquote, urlsplit

    parts = urlsplit(url)
    if parts.netloc not in {"", "localhost"} or not parts.path or parts.query or parts.fragment:
        raise ConfigError(
            f"store {url!r} is a URL of no local folder: write file:///folder, or the path.",
            where="datasets",
            key="store",
        )
    return unquote(parts.path)


def _no_store(given: object) -> str:
    if isinstance(given, type):
        return f"store is {given.__name__}, a class; did you forget the parentheses? {given.__name__}(...)"
    missing = [name for name in _METHODS if not hasattr(given, name)]
    return (
        f"store is {texts.a(type(given).__name__)}, which is no path, no URL and no Store: it lacks {', '.join(missing)}.\n"
        f"Give a path, a URL such as 's3://bucket/prefix', or an object like pegboard_datasets.Store."
    )
