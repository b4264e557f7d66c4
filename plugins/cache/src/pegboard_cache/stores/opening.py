"""From what a user gave as `store` to a store."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import attrs

from pegboard import ConfigError
from pegboard_cache._store import Store
from pegboard_cache.stores.objects import ObjectStore, is_objects
from pegboard_cache.stores.redis import RedisStore

if TYPE_CHECKING:
    from pegboard_cache.stores.encoded import EncodedStore

Given = str | os.PathLike[str] | Store | Any  # Any: a store of obstore, which need not be installed

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")  # two characters at least: a single one is a drive
_METHODS = ("get", "put", "delete", "clear", "usage")
_REDIS = frozenset(("redis", "rediss", "unix"))
_OBJECTS = frozenset(("s3", "s3a", "gs", "az", "azure", "adl", "abfs", "abfss", "memory"))


@attrs.frozen
class Address:
    """A URL, or an object of obstore, that no store is made of yet."""

    target: Any = attrs.field(repr=False)  # may hold a password
    make: type[RedisStore | ObjectStore]

    def open(self, pickle_key: bytes | None) -> EncodedStore:
        """Make the store.

        Raises:
            ConfigError: Its package is not installed, or the URL cannot be read.
        """
        return self.make(self.target, pickle_key=pickle_key)


Checked = Path | Address | Store | None


def checked_store(given: object) -> Checked:
    """Tell what was given: a folder, an address, a store, or None; nothing is opened or created.

    Raises:
        ConfigError: A URL of a kind that is not supported, or a path that is no folder.
        TypeError: Something else.
    """
    if given is None:
        return None
    if isinstance(given, str | os.PathLike):
        return _named(os.fspath(given))
    if is_objects(given):
        return Address(given, ObjectStore)
    if not isinstance(given, type) and isinstance(given, Store):
        return given
    raise TypeError(_no_store(given))


def shown(given: object) -> str:
    """Show what was given, for a repr; of a URL the kind only, as the rest may hold a password."""
    url = _URL.match(given) if isinstance(given, str) else None
    return repr(given) if url is None else f"'{url[1]}://...'"


def _named(text: str | bytes) -> Path | Address:
    if not isinstance(text, str) or not text or "\0" in text:
        raise ConfigError(f"store {text!r} is no path.", where="cache", key="store")
    url = _URL.match(text)
    if url is None:
        return _folder(Path(text).expanduser())
    scheme = url[1].lower()
    if scheme in _REDIS:
        return Address(text, RedisStore)
    if scheme in _OBJECTS:
        return Address(text, ObjectStore)
    parts = urlsplit(text)
    if scheme == "file" and parts.netloc in {"", "localhost"} and parts.path:
        return _folder(Path(unquote(parts.path)))
    raise ConfigError(  # the rest may hold a password
        f"store {url[1]}://... is a URL of a kind that the cache has no store for.\n"
        f"It knows {', '.join(f'{name}://' for name in sorted(_REDIS | _OBJECTS | {'file'}))}; a path is a folder, and None memory.",
        where="cache",
        key="store",
    )


def _folder(path: Path) -> Path:
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
        f"store is no path, no URL and no Store but of type {kind}: it lacks {', '.join(missing)}.\n"
        f"Give None for memory, a path for a folder, or an object like pegboard_cache.Store."
    )
