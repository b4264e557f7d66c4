"""Which store belongs to which registry."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from pegboard.parts import new_rlock
from pegboard_metrics._store import Store

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

_guard = new_rlock()
_stores: WeakKeyDictionary[CollectorRegistry, Store] = WeakKeyDictionary()
_default: list[CollectorRegistry] = []


def default_registry() -> CollectorRegistry:
    """Return Pegboard's own registry, made by the first who asks and shared by the process.

    So a second session neither starts the counters again nor clashes with the first.
    """
    with _guard:
        if not _default:
            from prometheus_client import CollectorRegistry

            _default.append(CollectorRegistry())
        return _default[0]


def store_of(registry: CollectorRegistry) -> Store:
    """Return the store that feeds a registry, registered with it by the first who asks.

    Raises:
        ValueError: The registry holds metrics of these names that are not ours.
    """
    with _guard:
        store = _stores.get(registry)
        if store is None:
            from pegboard_metrics._collector import StoreCollector

            store = Store()
            registry.register(StoreCollector(store))
            _stores[registry] = store
        return store
