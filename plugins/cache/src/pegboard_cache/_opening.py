"""From what a user gave as `store` to a store."""

from __future__ import annotations

import os
import re
from pathlib import Path

from pegboard import ConfigError
from pegboard_cache._store import Store

Given = str | os.PathLike[str] | Store | None

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")  # two characters at least: a single one is a drive
_METHODS = ("get", "put", "delete", "clear", "usage")


def checked_store(given: object) -> Path | Store | None:
    """Tell what was given: a folder, a store, or None; nothing is opened or created.

    Raises:
        ConfigError: A URL of a kind that is not supported, or a path that is no folder.
        TypeError: Something else.
    """
    if given is None:
        return None
    if isinstance(given, str | os.PathLike):
        return _folder(os.fspath(given))
    if not isinstance(given, type) and isinstance(given, Store):
        return given
    raise TypeError(_no_store(given))


def _folder(text: str | bytes) -> Path:
    if not isinstance(text, str) or not text or "\0" in text:
        raise ConfigError(f"store {text!r} is no path.", where="cache", key="store")
    url = _URL.match(text)
    if url is not None:  # the rest may hold a password
        raise ConfigError(
            f"store {url[1]}://... is a URL, and this version keeps values in memory or in a folder.\n"
            f"Give a path, None for memory, or an object with the methods of pegboard_cache.Store.",
            where="cache",
            key="store",
        )
    path = Path(text).expanduser()
    if path.exists() and not path.is_dir():
        raise ConfigError(
            f"store {str(path)!r} is a file, and the cache needs a folder of its own.",
            where="cache",
            key="store",
        )
    return path


def _no_store(given: object) -> str:
    kind = given.__name__ if isinstance(given, type) else type(given).__name__
    if isinstance(given, type):
        return f"store is {kind}, a class; did you forget the parentheses? {kind}(...)"
    missing = [name for name in (*_METHODS, "blocking", "persistent") if not hasattr(given, name)]
    return (
        f"store is a {kind}, which is no path and no Store: it lacks {', '.join(missing)}.\n"
        f"Give None for memory, a path for a folder, or an object like pegboard_cache.Store."
    )
