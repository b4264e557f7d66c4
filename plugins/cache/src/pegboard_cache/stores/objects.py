"""A store of objects: S3, Google Cloud Storage, Azure, and whatever else obstore speaks to."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from hashlib import sha256
from itertools import islice
from typing import Any
from urllib.parse import urlsplit

from pegboard import ConfigError
from pegboard.parts.library_threads import threads_of
from pegboard_cache._store import Usage
from pegboard_cache.stores.breaker import CircuitBreaker
from pegboard_cache.stores.encoded import EncodedStore
from pegboard_cache.stores.folder import name_of
from pegboard_cache.stores.patience import Patience, Prompt

_OURS = re.compile(r"[0-9a-f]{32}/[0-9a-f]{64}")
_RETRIES = 2
_RETRY_SECONDS = 10
_FIRST_SECONDS, _LEAST_SECONDS, _MOST_SECONDS = 1.0, 0.25, 30.0
_LOCAL = frozenset(("MemoryStore", "LocalStore"))
_BATCH = 1000


_THREADS = threads_of("obstore")


class ObjectStore(EncodedStore):
    """Keeps each encoded value as one object.

    Objects are named after hashes: `<of the task>/<of the key>`. There is no limit of size and nothing is removed by
    age: a lifecycle rule of the bucket does that. Counting and clearing list what is under the address. A bucket is
    waited for four times as long as it took of late, at least 0.25 s, and 1 s for the first answer; one that does not answer by then, or
    takes its time to fail, is left alone until a thread had an answer from it. A forked process cannot go on with obstore, whose threads are not
    copied: there every entry is a miss.

    Args:
        store: A URL such as `s3://bucket/prefix`, `gs://`, `az://` or `memory://`; or a store of `obstore.store`, for
            credentials and options of your own.
        pickle_key: Signs pickles of values that cannot be kept otherwise; None refuses those values.

    Raises:
        ConfigError: obstore is not installed, or cannot read the URL.
    """

    def __init__(self, store: Any, *, pickle_key: bytes | None = None) -> None:
        self._made = _opened(store) if isinstance(store, str) else store
        kept_elsewhere = isinstance(store, str) and not store.startswith("memory:")
        super().__init__(_place(store) if kept_elsewhere else id(self._made), pickle_key)
        self._guarded = CircuitBreaker(self._probe).call
        self._prompt = Prompt(Patience(_FIRST_SECONDS, _LEAST_SECONDS, _MOST_SECONDS))
        self._is_local = type(self._made).__name__ in _LOCAL

    def read(self, key: str) -> memoryview | None:
        """Return the bytes kept for `key`, if any."""
        found: memoryview | None = self._guarded(self._get, _path(key))
        return found

    def write(self, key: str, frame: bytes, ttl: float | None) -> None:  # noqa: ARG002 - objects do not expire
        """Put an object.

        Raises:
            obstore.exceptions.BaseError: It cannot be written.
        """
        self._guarded(self._run, self._objects.put, _path(key), frame, size=len(frame))

    def delete(self, key: str) -> bool:
        """Remove an entry; say whether there was one."""
        path = _path(key)
        try:
            self._objects.head(path)
            self._objects.delete(path)
        except FileNotFoundError:
            return False
        return True

    def clear(self, prefix: str = "") -> int:
        """Remove every entry, or with what the keys of a task begin with, all of that task; say how many."""
        paths = iter([each["path"] for each in self._list(prefix)])
        count = 0
        while batch := list(islice(paths, _BATCH)):
            self._remove(batch)
            count += len(batch)
        return count

    def usage(self) -> Usage:
        """Count what is there."""
        sizes = [each["size"] for each in self._list("")]
        return Usage(len(sizes), sum(sizes), damaged=self._damaged)

    @property
    def _objects(self) -> Any:
        """The store of obstore, where it can be used."""
        _THREADS.use()
        return self._made

    def _list(self, prefix: str) -> Iterator[Any]:
        """The entries under a prefix; what others put beside them is passed over."""
        for batch in self._objects.list(_folder(prefix) if prefix else None):
            for each in batch:
                if _OURS.fullmatch(each["path"]):
                    yield each

    def _get(self, path: str) -> memoryview | None:
        try:
            found = self._run(self._objects.get, path)
        except FileNotFoundError:
            return None
        return memoryview(self._run(found.bytes, size=found.meta["size"]))

    def _run(self, command: Callable[..., Any], *args: Any, size: int = 0) -> Any:
        """Run a command of obstore, which cannot be told how long it may take."""
        return command(*args) if self._is_local else self._prompt.run(command, *args, size=size)

    def _probe(self) -> None:
        try:
            self._objects.head(_path("probe"))
        except FileNotFoundError:
            return

    def _remove(self, paths: list[str]) -> None:
        try:
            self._objects.delete(paths)
        except FileNotFoundError:  # another process was first with one of them
            for path in paths:
                self._remove_one(path)

    def _remove_one(self, path: str) -> None:
        try:
            self._objects.delete(path)
        except FileNotFoundError:
            return


def is_objects(given: object) -> bool:
    """Whether this is one of obstore's own stores; obstore is not imported to tell."""
    return type(given).__module__.partition(".")[0] in {"obstore", "_obstore"} and hasattr(given, "put")


def _path(key: str) -> str:
    return f"{_folder(key[: key.rfind(':') + 1])}/{name_of(key)}"


def _folder(prefix: str) -> str:
    return sha256(prefix.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _place(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"


def _opened(url: str) -> Any:
    if importlib.util.find_spec("obstore") is None:
        raise ConfigError(
            "a store of objects needs the package obstore, which is not installed.\n"
            "Install it: pip install 'pegboard[cache-objects]'.",
            where="cache",
            key="store",
        )
    from obstore import exceptions
    from obstore.store import from_url

    try:
        if url.startswith("memory:"):
            return from_url(url)
        retry: Any = {"max_retries": _RETRIES, "retry_timeout": timedelta(seconds=_RETRY_SECONDS)}
        # No `client_options`: they would replace what the environment says, `AWS_ALLOW_HTTP` for one.
        return from_url(url, retry_config=retry)
    except (exceptions.BaseError, ValueError, TypeError):  # not chained: the text may show a credential
        raise ConfigError(
            "store is a URL that obstore cannot read.\nWrite s3://bucket/prefix, gs://bucket/prefix or "
            "az://account/container/prefix; or give a store of obstore.store.",
            where="cache",
            key="store",
        ) from None
