"""Values in stores: the right format found, every failure told in one way."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import sha256
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from pegboard import PegboardError, texts
from pegboard_datasets._errors import DatasetError, DatasetNotFound, UnknownFormat
from pegboard_datasets._exact_format import EXACT_FORMAT, exact_values
from pegboard_datasets._format import Unfit
from pegboard_datasets._key import check_key
from pegboard_datasets._opening import open_store
from pegboard_datasets._registry import Choice, Registry, class_of

if TYPE_CHECKING:
    from pegboard_datasets._format import Format
    from pegboard_datasets._store import Store

T = TypeVar("T")
ARTIFACTS = "artifacts"


class Encoded(NamedTuple):
    """What is to be written: the key, the name of the format, the bytes, their SHA-256 in hex for an artifact, and the seconds
    that it took to make them.
    """

    key: str
    format: str
    data: bytes
    digest: str
    seconds: float


class Stored(NamedTuple):
    """What was written: the key, the name of the format, the size in bytes, the SHA-256 of the bytes in hex, the seconds."""

    key: str
    format: str
    size: int
    digest: str
    seconds: float


class Loaded(NamedTuple):
    """What was read: the value, its size in bytes, and the seconds that it took."""

    value: Any
    size: int
    seconds: float


class Catalog:
    """The stores and formats of one plugin.

    Args:
        store: Where what names no store of its own is kept.
        formats: Those asked before the built-in ones.
    """

    def __init__(self, store: Store, formats: Iterable[Format] = ()) -> None:
        self.store = store
        self.registry = Registry(formats)
        self._stores: dict[str, Store] = {store.address: store}

    def open(self, given: object) -> Store:
        """The store that an option names, one for each address; None is this catalog's own."""
        if given is None:
            return self.store
        store = open_store(given)
        return self._stores.setdefault(store.address, store)

    def find(self, address: str) -> Store:
        """The store of an address that a reference carries.

        Raises:
            DatasetError: It is known to another process only.
        """
        store = self._stores.get(address)
        if store is not None:
            return store
        if address.startswith("memory://") or ("/" not in address and "\\" not in address):
            raise DatasetError(
                f"an artifact lies in the store {address!r}, which cannot be opened by that address here.\n"
                f"Load it in a session whose Datasets has that store, or give it: ref.load(store=...).",
                key="",
                store=address,
            )
        return self.open(address)

    def encode(self, store: Store, key: str, value: object, choice: Choice) -> Encoded:
        """Make the bytes of a value; without a key, for its digest.

        Raises:
            DatasetError: It cannot be written as that format.
        """
        begun = perf_counter()
        chosen, data = _dumped(store, key, value, choice)
        digest = ""
        if not key:
            digest = sha256(data).hexdigest()
            extension = chosen.extensions[0] if chosen.extensions else ""
            key = f"{ARTIFACTS}/{digest[:2]}/{digest}{extension}"
        return Encoded(key, chosen.name, data, digest, perf_counter() - begun)

    def write(self, store: Store, encoded: Encoded) -> Stored:
        """Write a value's bytes; those of an artifact only if it is not there.

        Raises:
            DatasetError: The store refused it.
        """
        begun = perf_counter()
        key, name, data, digest, seconds = encoded
        if not digest or _refusing(store, key, "looked up", store.size, key) != len(data):
            _refusing(store, key, "written", store.put, key, data)
        return Stored(key, name, len(data), digest, seconds + perf_counter() - begun)

    def load(self, store: Store, key: str, wanted: Any, chosen: Format, digest: str = "") -> Loaded:
        """Read the value under a key.

        Raises:
            DatasetNotFound: There is none.
            DatasetError: It cannot be read, or is no `wanted`, or its digest is another.
        """
        begun = perf_counter()
        data = _refusing(store, key, "read", store.get, check_key(key))
        if data is None:
            raise DatasetNotFound(
                f"there is no dataset {key!r} in {store.address}.\nSave it first, or look for another spelling of the key.",
                key=key,
                store=store.address,
            )
        if digest and sha256(data).hexdigest() != digest:
            raise DatasetError(
                f"artifact {key!r} in {store.address} has changed since it was saved, so it was not read.\n"
                f"Remove it there, and run the task that makes it again.",
                key=key,
                store=store.address,
            )
        value = _loaded(store, key, data, wanted, chosen)
        return Loaded(value, len(data), perf_counter() - begun)

    def size(self, key: str) -> int | None:
        """Return the size in bytes of the value under a key, or None."""
        return _refusing(self.store, key, "looked up", self.store.size, check_key(key))

    def delete(self, key: str) -> bool:
        """Remove the value under a key; say whether there was one."""
        return _refusing(self.store, key, "removed", self.store.delete, check_key(key))


def _dumped(store: Store, key: str, value: object, choice: Choice) -> tuple[Format, bytes]:
    if choice.asked:
        chosen = choice.for_value(value)
        return chosen, _written(store, key, value, chosen)
    try:
        chosen = choice.for_value(value)
        data = _unchanged(store, key, value, chosen)
    except (UnknownFormat, Unfit) as refusal:
        return EXACT_FORMAT, _exactly(store, key, value, refusal)
    return chosen, data


def _exactly(store: Store, key: str, value: object, refusal: UnknownFormat | Unfit) -> bytes:
    """Write a value that no format by its type gives back as it is."""
    try:
        return EXACT_FORMAT.dump(value)
    except Unfit as reason:
        if isinstance(refusal, UnknownFormat):
            raise refusal from reason
        raise DatasetError(
            f"a value of type {type(value).__name__} cannot be written by itself: {refusal}. Nor can it be kept exactly: "
            f"{reason}.\nIf a change is well, name the format: format='json', say.",
            key=key,
            store=store.address,
        ) from None


def _unchanged(store: Store, key: str, value: object, chosen: Format) -> bytes:
    """Write a value that nobody asked a format for, if it comes back as it was.

    Raises:
        Unfit: It would come back as another.
    """
    exact = exact_values()
    if chosen.check is not None:
        try:
            chosen.check(value)
        except (ValueError, RecursionError) as error:
            raise Unfit(f"as {chosen.name} it would come back changed: {error}") from None
    data = _written(store, key, value, chosen)
    if chosen.check is None and exact is not None and not exact.same(value, chosen.load(data, None)):
        raise Unfit(f"as {chosen.name} it would come back changed")
    return data


def _written(store: Store, key: str, value: object, chosen: Format) -> bytes:
    what = f"a value of type {type(value).__name__} cannot be written as {chosen.name}"
    data = _translated(what, store, key, chosen, chosen.dump, value)
    if not isinstance(data, bytes):
        raise DatasetError(
            f"{what}: its dump gave {texts.a(type(data).__name__)} instead of bytes.",
            key=key,
            store=store.address,
        )
    return data


def _loaded(store: Store, key: str, data: bytes, wanted: Any, chosen: Format) -> Any:
    what = f"dataset {key!r} in {store.address} cannot be read as {chosen.name}"
    value = _translated(what, store, key, chosen, chosen.load, data, wanted)
    cls = class_of(wanted)
    if cls is not None and not _is_instance(value, cls):
        raise DatasetError(
            f"dataset {key!r} in {store.address} holds a value of type {type(value).__name__}, and {cls.__name__} is wanted.",
            key=key,
            store=store.address,
        )
    return value


def _is_instance(value: object, cls: type) -> bool:
    try:
        return isinstance(value, cls)
    except TypeError:  # a protocol, or a TypedDict, which has been checked as the format knows it
        return True


def _translated(
    what: str, store: Store, key: str, chosen: Format, function: Callable[..., T], *args: Any
) -> T:
    try:
        return function(*args)
    except ImportError as error:
        way = f": pip install 'pegboard[datasets-{chosen.extra}]'" if chosen.extra else "."
        raise DatasetError(
            f"{what}, because {error.name or 'a module'} is not installed{way}", key=key, store=store.address
        ) from error
    except Exception as error:  # whatever a library raises for data it does not like
        reason = str(error) if isinstance(error, Unfit) else type(error).__name__
        raise DatasetError(f"{what}: {reason}.", key=key, store=store.address) from error


def _refusing(store: Store, key: str, done: str, function: Callable[..., T], *args: Any) -> T:
    try:
        return function(*args)
    except PegboardError:
        raise
    except Exception as error:  # whatever a store raises
        raise DatasetError(
            f"{key!r} could not be {done} in {store.address}: {type(error).__name__}.\n"
            f"What was there before is still there. Mend the store, and try again.",
            key=key,
            store=store.address,
        ) from error


class HasCatalog:
    """The plugin, as references to its values know it.

    Attributes:
        catalog: Where it saves and loads.
    """

    name = "datasets"
    catalog: Catalog
