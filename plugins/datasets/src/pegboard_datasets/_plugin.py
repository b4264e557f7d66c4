"""The plugin: one store, its formats, and the layers of each task."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeVar, overload

from pegboard import ConfigError, hookimpl
from pegboard.parts import checks
from pegboard_datasets import hookspecs
from pegboard_datasets._artifact import ArtifactRef, reference, told_load
from pegboard_datasets._catalog import Catalog, HasCatalog
from pegboard_datasets._format import Format
from pegboard_datasets._key import check_key
from pegboard_datasets._loading import loading_layer
from pegboard_datasets._objects import URL
from pegboard_datasets._opening import Given, open_store
from pegboard_datasets._options import Dataset, Load, Persist
from pegboard_datasets._saving import dataset_layer, persist_layer
from pegboard_datasets._telling import tell, tell_loaded, tell_saved

if TYPE_CHECKING:
    from pegboard import Layer, Session, Task
    from pegboard_datasets._catalog import Stored
    from pegboard_datasets._registry import Choice

T = TypeVar("T")


class Datasets(HasCatalog):
    """Saves what tasks return, and loads it again.

    Args:
        root: A folder for everything; made when it is needed. None, without `store`, is the current folder of now.
        store: Instead of `root`: a path, a URL such as `s3://bucket/prefix`, or a `Store`.
        formats: Formats asked before the built-in ones.

    Raises:
        ConfigError: Both `root` and `store`, or one that cannot be a store.
    """

    name = "datasets"
    hookspecs = hookspecs

    def __init__(
        self,
        root: str | os.PathLike[str] | None = None,
        *,
        store: Given = None,
        formats: Iterable[Format] = (),
    ) -> None:
        checked = _checked_formats(formats)
        self.catalog = Catalog(open_store(_one_of(root, store)), checked)
        self._elsewhere = {"root": root, "store": store, "formats": checked}

    def __repr__(self) -> str:
        return f"Datasets({self.catalog.store.address!r})"

    def worker_settings(self) -> dict[str, Any] | None:
        """Have workers save and load in the same place, where it has an address."""
        store = self._elsewhere["store"]
        return self._elsewhere if store is None or isinstance(store, str | os.PathLike) else None

    @hookimpl
    def bind(self, session: Session, task: Task[..., Any]) -> list[Layer] | None:  # noqa: ARG002 - pluggy reads the names
        """Put saving and loading around tasks that ask for it."""
        layers: list[Layer] = []
        dataset, persist, load = task.option(Dataset), task.option(Persist), task.option(Load)
        if dataset is not None:
            dataset.check(task)
            layers.append(dataset_layer(dataset, task, self.catalog))
        if persist is not None:
            layers.append(persist_layer(persist, task, self.catalog))
        if load is not None:
            load.check(task)
            layers.append(loading_layer(load, task, self.catalog))
        return layers or None

    def save(self, key: str, value: object, *, format: str | None = None) -> None:  # noqa: A002 - the field's word
        """Write a value under a key, in the format that the key's extension, `format` or the type tells.

        Raises:
            InvalidKey, UnknownFormat: Nothing was written.
            DatasetError: It could not be written; what was there before is still there.
        """
        self._save(check_key(key), value, self.catalog.registry.choose(key, format))

    @overload
    def load(self, key: str | ArtifactRef, wanted: type[T], *, format: str | None = None) -> T: ...
    @overload
    def load(self, key: str | ArtifactRef, wanted: Any = None, *, format: str | None = None) -> Any: ...
    def load(self, key: str | ArtifactRef, wanted: Any = None, *, format: str | None = None) -> Any:  # noqa: A002
        """Read the value under a key, or the one that a reference stands for.

        Args:
            key: As it was saved.
            wanted: The type to read it as: a frame of pandas or polars, a dataclass, `list[Row]`. None is the type the format
                gives; for formats of several types it has to be named.
            format: Name or extension of the format, where the key does not tell it.

        Raises:
            DatasetNotFound: There is nothing under this key; a KeyError.
            UnknownFormat: The format is not known, or several fit.
            DatasetError: It is damaged, or of another type.
        """
        if isinstance(key, ArtifactRef):
            return told_load(key, wanted, self.catalog)
        chosen = self.catalog.registry.choose(check_key(key), format).for_type(wanted)
        store = self.catalog.store
        tell("before_dataset_load", key=key, format=chosen.name, address=store.address)
        loaded = self.catalog.load(store, key, wanted, chosen)
        tell_loaded(key, chosen.name, loaded, store)
        return loaded.value

    def persist(self, value: object, *, format: str | None = None) -> ArtifactRef:  # noqa: A002
        """Write a value under the digest of its bytes, and return the reference to it; see `Persist`."""
        stored = self._save("", value, self.catalog.registry.choose("", format))
        return reference(stored, self.catalog.store.address)

    def _save(self, key: str, value: object, choice: Choice) -> Stored:
        store = self.catalog.store
        encoded = self.catalog.encode(store, key, value, choice)
        tell("before_dataset_save", key=encoded.key, format=encoded.format, address=store.address)
        stored = self.catalog.write(store, encoded)
        tell_saved(stored, store)
        return stored

    def exists(self, key: str) -> bool:
        """Tell whether there is a value under a key."""
        return self.catalog.size(key) is not None

    def delete(self, key: str) -> bool:
        """Remove the value under a key; say whether there was one."""
        return self.catalog.delete(key)


def _one_of(root: str | os.PathLike[str] | None, store: Given) -> object:
    if root is not None and store is not None:
        raise ConfigError(
            "Datasets takes root, a folder, or store, and got both.\nFor one task alone there is Dataset(..., store=...).",
            where="datasets",
            key="store",
        )
    if isinstance(root, str) and URL.match(root):
        raise ConfigError(
            f"root is a folder, and {URL.match(root)[1]}://... is a URL: Datasets(store={root!r}).",  # type: ignore[index]
            where="datasets",
            key="root",
        )
    if root is None and store is None:
        return "."
    return root if store is None else store


def _checked_formats(formats: object) -> tuple[Format, ...]:
    checked = tuple(formats) if isinstance(formats, Iterable) else (formats,)
    for each in checked:
        if not isinstance(each, Format):
            raise TypeError(f"formats takes Format(...) objects, not {checks.shown(each)}.")
    return checked
