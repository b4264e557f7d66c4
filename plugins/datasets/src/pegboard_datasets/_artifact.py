"""A reference to a value in a store, to be passed around in its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

import attrs

from pegboard import Session, current_call, current_session
from pegboard.records import Reference
from pegboard_datasets._catalog import Catalog, HasCatalog, Loaded, Stored
from pegboard_datasets._local import LocalStore
from pegboard_datasets._opening import Given, open_store
from pegboard_datasets._telling import tell, tell_loaded

if TYPE_CHECKING:
    from pegboard_datasets._store import Store

T = TypeVar("T")


@attrs.frozen
class ArtifactRef(Reference):
    """Where a value lies, and what it was: plain text and numbers, equal for equal content.

    Attributes:
        key: Where it is in its store.
        format: Name of its format.
        size: Its length in bytes.
        digest: SHA-256 of its bytes, in hex.
        store: Address of the store: a path, or a URL without passwords.
    """

    key: str
    format: str
    size: int
    digest: str
    store: str

    @overload
    def load(self, wanted: type[T], *, store: Given = None) -> T: ...
    @overload
    def load(self, wanted: Any = None, *, store: Given = None) -> Any: ...
    def load(self, wanted: Any = None, *, store: Given = None) -> Any:
        """Read the value, in this process or another one.

        The `Datasets` of the current session supplies formats, and the store if it knows that address; elsewhere the store is
        opened by its address.

        Args:
            wanted: A type to read it as, where the format can tell types apart.
            store: Use this one; for an address that means nothing here.

        Raises:
            DatasetNotFound: It is not there any more.
            DatasetError: It has changed, or cannot be read.
        """
        return told_load(self, wanted, catalog_here(), store)


def reference(stored: Stored, address: str) -> ArtifactRef:
    """Make the reference to what was written."""
    return ArtifactRef(stored.key, stored.format, stored.size, stored.digest, address)


def read(ref: ArtifactRef, wanted: Any, catalog: Catalog, store: Store) -> Loaded:
    """Read what a reference stands for."""
    return catalog.load(store, ref.key, wanted, catalog.registry.named(ref.format), ref.digest)


def told_load(ref: ArtifactRef, wanted: Any, catalog: Catalog, given: Given = None) -> Any:
    """Read what a reference stands for, and tell before and after."""
    store = catalog.find(ref.store) if given is None else open_store(given)
    tell("before_dataset_load", key=ref.key, format=ref.format, address=store.address)
    loaded = read(ref, wanted, catalog, store)
    tell_loaded(ref.key, ref.format, loaded, store)
    return loaded.value


def catalog_here() -> Catalog:
    """The catalog of the session that is current here; a plain one elsewhere, as in a worker or a script."""
    call = current_call()
    session: Session | None = current_session() if call is None else call.session
    plugin = None if session is None else session.get(HasCatalog)
    return Catalog(LocalStore(".")) if plugin is None else plugin.catalog
