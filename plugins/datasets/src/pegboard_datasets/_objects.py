"""Object stores, through obstore: S3, Google Cloud Storage, Azure, and HTTP servers that take PUT."""

from __future__ import annotations

import importlib.util
import re
from typing import Any

from pegboard import ConfigError, MissingPlugin
from pegboard.parts.library_threads import threads_of
from pegboard_datasets._key import check_key

SCHEMES = ("s3", "s3a", "gs", "az", "adl", "azure", "abfs", "abfss", "http", "https")
URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://([^/?#]*)")  # two letters at least: a single one is a drive
_THREADS = threads_of("obstore")


class ObjectStore:
    """Keeps each value as an object.

    What it needs beyond the URL is taken from the environment (`AWS_REGION`, `AWS_ACCESS_KEY_ID`, ...), or from `options`, which
    go to `obstore.store.from_url` and never into an `ArtifactRef`.

    Args:
        url: As in `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix`.
        options: As obstore has them, such as `region`, `endpoint`, `retry_config`, `credential_provider`.

    Raises:
        ConfigError: The URL is of no known kind, or has a password or a query, which an `ArtifactRef` would carry on.
        MissingPlugin: obstore is not installed.
    """

    def __init__(self, url: str, **options: Any) -> None:
        self.address = checked_url(url)
        if importlib.util.find_spec("obstore") is None:
            raise MissingPlugin(
                "object stores need obstore: pip install 'pegboard[datasets-objects]'", plugin="datasets"
            )
        self._options = options
        self._opened: Any = None

    def __repr__(self) -> str:
        return f"ObjectStore({self.address!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (self.address, self._options)

    def put(self, key: str, data: bytes) -> None:
        """Write an object."""
        import obstore

        obstore.put(self._store(), check_key(key), data)

    def get(self, key: str) -> bytes | None:
        """Read an object; None when there is none."""
        import obstore

        try:
            return bytes(obstore.get(self._store(), check_key(key)).bytes())
        except FileNotFoundError:
            return None

    def size(self, key: str) -> int | None:
        """Return the size of an object in bytes; None when there is none."""
        import obstore

        try:
            size: int = obstore.head(self._store(), check_key(key))["size"]
        except FileNotFoundError:
            return None
        return size

    def delete(self, key: str) -> bool:
        """Remove an object; say whether there was one."""
        import obstore

        if self.size(key) is None:
            return False
        obstore.delete(self._store(), key)
        return True

    def _store(self) -> Any:
        _THREADS.use()
        if self._opened is None:  # two threads may open two, and one is dropped
            from obstore.store import from_url

            self._opened = from_url(self.address, **self._options)
        return self._opened


def checked_url(url: str) -> str:
    """Return a URL that may be written down."""
    found = URL.match(url)
    if found is None:
        raise ConfigError(
            f"an object store has a URL such as 's3://bucket/prefix', not {url!r}.",
            where="datasets",
            key="store",
        )
    if found[1].lower() not in SCHEMES:
        raise ConfigError(
            f"there is no store for {found[1]}://... URLs. Known: {', '.join(SCHEMES)}, file, memory.\n"
            f"Take one of these, or give an object with the methods of pegboard_datasets.Store.",
            where="datasets",
            key="store",
        )
    if ":" in found[2].rpartition("@")[0] or "?" in url or "#" in url:
        raise ConfigError(
            f"the URL {found[1]}://... of a store holds a password, a query or a fragment, and references would carry it on.\n"
            f"Give it to ObjectStore({found[1] + '://...'!r}, ...) as an option, or in the environment.",
            where="datasets",
            key="store",
        )
    return url


def _restore(url: str, options: dict[str, Any]) -> ObjectStore:
    return ObjectStore(url, **options)
