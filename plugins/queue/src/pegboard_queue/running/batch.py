"""Several items that are submitted together, and may name each other in any order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pegboard_queue.items.item import record_of
from pegboard_queue.running.dependencies import cyclic, resolve, way
from pegboard_queue.running.registry import ambiguous, duplicate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pegboard_queue.items.item import Item
    from pegboard_queue.running.registry import Registry


class Batch:
    """Looks names up among the items of one submit first, and then among those of the manager; the guard is held."""

    def __init__(self, registry: Registry, items: Sequence[Item[Any]]) -> None:
        self._registry = registry
        self._items = dict.fromkeys(items)
        self._named: dict[str, list[Item[Any]]] = {}
        for item in items:
            self._named.setdefault(item.name, []).append(item)
            self._named.setdefault(item.id, []).append(item)

    def holds(self, item: Item[Any]) -> bool:
        """Whether this very item is there."""
        return item in self._items or self._registry.holds(item)

    def find(self, wanted: str) -> Item[Any]:
        """Return the item of a name or an id.

        Raises:
            UnknownItem: There is none, or there are several of that name.
        """
        here = self._named.get(wanted)
        if here is None:
            return self._registry.find(wanted)
        takes_over = record_of(here[0]).has_own_name or not self._registry.has_name(wanted)
        if len(here) == 1 and takes_over:
            return here[0]
        raise ambiguous(wanted, len(here) + (not takes_over))

    def resolved(self, more: Sequence[Item[Any] | str]) -> Mapping[Item[Any], tuple[Item[Any], ...]]:
        """Find what each of the items depends on, and refuse all of them if one cannot be taken in.

        Args:
            more: What all of them depend on.

        Raises:
            DuplicateItem, UnknownItem, CyclicDependency: One cannot.
        """
        self._refuse_taken()
        found = {item: resolve(self, item, (*record_of(item).wanted, *more)) for item in self._items}
        _refuse_cycles(found)
        return found

    def _refuse_taken(self) -> None:
        seen: dict[str, Item[Any]] = {}
        for item in self._items:
            self._registry.refuse_taken(item)
            if record_of(item).has_own_name and item.name in seen:
                raise duplicate(item, seen[item.name])
            seen[item.name] = item


def _refuse_cycles(needs_of: Mapping[Item[Any], Sequence[Item[Any]]]) -> None:
    """Refuse items that wait for each other; what is in a cycle, or behind one, is what cannot be put in order."""
    left = {item: sum(need in needs_of for need in needs) for item, needs in needs_of.items()}
    behind: dict[Item[Any], list[Item[Any]]] = {}
    for item, needs in needs_of.items():
        for need in needs:
            behind.setdefault(need, []).append(item)
    free = [item for item, count in left.items() if not count]
    for item in free:  # grows meanwhile
        del left[item]
        for each in behind.get(item, ()):
            left[each] -= 1
            if not left[each]:
                free.append(each)
    for item in left:
        for need in needs_of[item]:
            path = way(need, item, lambda each: needs_of.get(each, ()))
            if path is not None:
                raise cyclic(item, path)
