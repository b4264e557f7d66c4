"""The layers that save what a task returns."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any

from pegboard import Layer, Order
from pegboard_datasets._annotations import result_annotation
from pegboard_datasets._artifact import ArtifactRef, reference
from pegboard_datasets._registry import class_of
from pegboard_datasets._template import KeyTemplate

if TYPE_CHECKING:
    from pegboard import Call, Task
    from pegboard.layers import Proceed, ProceedStream
    from pegboard_datasets._catalog import Catalog, Stored
    from pegboard_datasets._options import Dataset, Persist
    from pegboard_datasets._registry import Choice
    from pegboard_datasets._store import Store

Plan = Callable[["Call"], "tuple[str, Choice] | None"]


def dataset_layer(option: Dataset, task: Task[..., Any], catalog: Catalog) -> Layer:
    """Make the layer that saves results under the keys of a template.

    Key and format are settled before the function runs, so that it does not run in vain.
    """
    plan = _planner(option, task, catalog)
    store = catalog.open(option.store)

    async def keep(call: Call, key: str, value: object, choice: Choice) -> None:
        await saved(call, catalog, store, key, value, choice)

    async def run(call: Call, proceed: Proceed) -> Any:
        planned = plan(call)
        value = await proceed(call)
        if planned is not None:
            await keep(call, planned[0], value, planned[1])
        return value

    async def stream(call: Call, proceed: ProceedStream) -> AsyncIterator[Any]:
        planned = plan(call)
        items = []
        async for item in proceed(call):
            items.append(item)
            yield item
        if planned is not None:
            await keep(call, planned[0], items, planned[1])

    return Layer("datasets", Order.DATASET, run=run, stream=stream)


def _planner(option: Dataset, task: Task[..., Any], catalog: Catalog) -> Plan:
    """Make the function that settles key and format of a call; refuse now what no call could do."""
    template = KeyTemplate.parse(option.key)
    choose = catalog.registry.choose
    if option.format is not None or "." in template.tail or not template.names:
        choice = choose(option.key, option.format)
        if task.kind in {"generator", "async_generator"}:
            choice.for_value([])
        else:
            _check_result(task, choice)
        if not template.names:
            planned = (template.render({}, None), choice)
            return lambda _: planned

    def plan(call: Call) -> tuple[str, Choice] | None:
        try:
            inputs = call.inputs
        except TypeError:  # they do not fit the signature, as the function is about to say
            return None
        key = template.render(inputs, call.map_index)
        return key, choose(key, option.format)

    return plan


def persist_layer(option: Persist, task: Task[..., Any], catalog: Catalog) -> Layer:
    """Make the layer that saves results under their digests, and returns references to them; refuse now what cannot be."""
    store = catalog.open(option.store)
    choice = catalog.registry.choose("", option.format)
    _check_result(task, choice)

    async def run(call: Call, proceed: Proceed) -> Any:
        value = await proceed(call)
        if isinstance(value, ArtifactRef):
            return value
        stored = await saved(call, catalog, store, "", value, choice)
        return reference(stored, store.address)

    return Layer("datasets.persist", Order.DATASET - 1, run=run)


_ONCE = (Iterator, AsyncIterator, Awaitable)  # what can be read only once


def _check_result(task: Task[..., Any], choice: Choice) -> None:
    """Refuse a task whose result, as it is annotated, could never be saved, so that it does not run in vain.

    Raises:
        UnknownFormat: Naming the type, and the formats there are.
    """
    cls = class_of(result_annotation(task.__wrapped__))
    if cls is None or issubclass(cls, ArtifactRef) or choice.may_hold(cls):
        return
    is_open = inspect.isabstract(cls) or getattr(cls, "_is_protocol", False)
    if not is_open or issubclass(cls, _ONCE):  # else the value is of another class, which nobody knows yet
        raise choice.unknown(cls)


async def saved(
    call: Call, catalog: Catalog, store: Store, key: str, value: object, choice: Choice
) -> Stored:
    """Save a value, and tell before and after; without a key, under its digest."""
    encoded = await call.io(catalog.encode, store, key, value, choice)
    call.emit("before_dataset_save", encoded.key, encoded.format, store.address)
    stored: Stored = await call.io(catalog.write, store, encoded)
    call.emit("on_dataset_save", stored.key, stored.format, stored.size, stored.seconds, store.address)
    return stored
