"""The layer that loads inputs."""

from __future__ import annotations

import types
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin

from pegboard import Layer, Order
from pegboard_datasets._annotations import annotation_of
from pegboard_datasets._artifact import ArtifactRef, read
from pegboard_datasets._key import check_key

if TYPE_CHECKING:
    from pegboard import Call, Task
    from pegboard.layers import Proceed, ProceedStream
    from pegboard_datasets._catalog import Catalog, Loaded
    from pegboard_datasets._options import Load
    from pegboard_datasets._store import Store

_COLLECTIONS = (list, tuple, dict)
_HOLDERS = (ArtifactRef, *_COLLECTIONS)


def loading_layer(option: Load, task: Task[..., Any], catalog: Catalog) -> Layer:
    """Make the layer that replaces references and keys among the inputs by what they stand for."""
    inputs = _Inputs(option, task, catalog)

    async def run(call: Call, proceed: Proceed) -> Any:
        return await proceed(await inputs.loaded(call))

    async def stream(call: Call, proceed: ProceedStream) -> AsyncIterator[Any]:
        async for item in proceed(await inputs.loaded(call)):
            yield item

    return Layer("datasets.load", Order.INJECT, run=run, stream=stream, provides=tuple(inputs.templates))


class _Inputs:
    """The parameters of one task, and how each is loaded."""

    def __init__(self, option: Load, task: Task[..., Any], catalog: Catalog) -> None:
        self.templates = option.templates
        self._signature = task.signature
        self._catalog = catalog
        self._named = frozenset((*option.names, *self.templates))
        annotations = {
            name: annotation_of(parameter, task.__wrapped__)
            for name, parameter in self._signature.parameters.items()
        }
        self._wanted = {name: _without_stand_ins(found) for name, found in annotations.items()}
        self._every = every = not self._named
        self._loads = self._named | {
            name for name, found in annotations.items() if every and not _takes_refs(found)
        }

    async def loaded(self, call: Call) -> Call:
        """Return the call with its inputs loaded."""
        if self._every and not any(
            isinstance(each, _HOLDERS) for each in (*call.args, *call.kwargs.values())
        ):
            return call
        try:
            bound = self._signature.bind_partial(*call.args, **call.kwargs)
            keys = {
                name: template.render(call.inputs, call.map_index)
                for name, template in self.templates.items()
                if name not in bound.arguments
            }
        except TypeError:  # they do not fit the signature, as the function is about to say
            return call
        found = {
            name: value for name, value in bound.arguments.items() if self._stands_in(name, value)
        } | keys
        if not found:
            return call
        for name, value in found.items():
            bound.arguments[name] = await self._resolved(call, name, value)
        return call.with_args(*bound.args, **bound.kwargs)

    def _stands_in(self, name: str, value: object) -> bool:
        if name not in self._loads:
            return False
        if isinstance(value, _COLLECTIONS):
            items = value.values() if isinstance(value, dict) else value
            return any(isinstance(item, ArtifactRef) for item in items)
        return isinstance(value, ArtifactRef) or (name in self._named and isinstance(value, str))

    async def _resolved(self, call: Call, name: str, value: Any) -> Any:
        wanted = self._wanted[name]
        if isinstance(value, dict):
            part = _part_of(get_args(wanted)[1:])
            return {key: await self._item(call, name, item, part) for key, item in value.items()}
        if isinstance(value, _COLLECTIONS):
            part = _part_of(get_args(wanted))
            items = [await self._item(call, name, item, part) for item in value]
            return items if isinstance(value, list) else tuple(items)
        if isinstance(value, ArtifactRef):
            return await self._item(call, name, value, wanted)
        chosen = self._catalog.registry.choose(check_key(value)).for_type(wanted)
        store, load = self._catalog.store, self._catalog.load
        return await self._told(call, name, value, chosen.name, store, load, store, value, wanted, chosen)

    async def _item(self, call: Call, name: str, item: Any, wanted: Any) -> Any:
        if not isinstance(item, ArtifactRef):
            return item
        store = self._catalog.find(item.store)
        return await self._told(
            call, name, item.key, item.format, store, read, item, wanted, self._catalog, store
        )

    async def _told(
        self,
        call: Call,
        name: str,
        key: str,
        format_name: str,
        store: Store,
        load: Callable[..., Loaded],
        *args: Any,
    ) -> Any:
        """Load, and tell before and after; of a sensitive task only for which parameter, as a key is made of inputs."""
        shown = f"{{{name}}}" if call.task.sensitive else key
        call.emit("before_dataset_load", shown, format_name, store.address)
        loaded: Loaded = await call.io(load, *args)
        call.emit("on_dataset_load", shown, format_name, loaded.size, loaded.seconds, store.address)
        return loaded.value


def _takes_refs(annotation: Any) -> bool:
    return annotation is ArtifactRef or any(_takes_refs(each) for each in get_args(annotation))


def _without_stand_ins(annotation: Any) -> Any:
    """What to load for an annotation, without the types that stand for it."""
    if annotation is ArtifactRef:
        return None
    if get_origin(annotation) not in {Union, types.UnionType}:
        return annotation
    rest = [each for each in get_args(annotation) if each not in {ArtifactRef, str}]
    return Union[tuple(rest)] if rest else None  # noqa: UP007 - of as many as there are


def _part_of(arguments: Sequence[Any]) -> Any:
    """The type of all items of a collection, by the arguments of its own; None where that is not told."""
    found = [each for each in arguments if each is not ...]
    return _without_stand_ins(found[0]) if len(set(found)) == 1 else None
