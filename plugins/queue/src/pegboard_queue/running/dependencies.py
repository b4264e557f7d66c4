"""What an item depends on: found by name, free of cycles, and what follows when it ends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn

from pegboard_queue._errors import CyclicDependency, DependencyFailed, QueueError, UnknownItem
from pegboard_queue.items.item import Item, record_of
from pegboard_queue.items.state import State

if TYPE_CHECKING:
    from pegboard_queue.running.registry import Registry

DependsOn = Iterable["Item[Any] | str"] | Item[Any] | str
_BLOCKED = frozenset((State.WAITING, State.PAUSED))


def resolve(registry: Registry, item: Item[Any], depends_on: DependsOn) -> tuple[Item[Any], ...]:
    """Find the items that are named, each once.

    Raises:
        UnknownItem: There is none of a name, or it is of another manager.
        CyclicDependency: It is the item itself.
    """
    given = (depends_on,) if isinstance(depends_on, str | Item) else tuple(depends_on)
    found = dict.fromkeys(_one(registry, item, each) for each in given)
    return tuple(found)


def _one(registry: Registry, item: Item[Any], wanted: object) -> Item[Any]:
    if isinstance(wanted, Item):
        if wanted is item:
            raise _on_itself(item)
        manager = wanted.manager
        if manager is None or manager.id != registry.id:
            refuse_stranger(wanted)
        return wanted
    if not isinstance(wanted, str):
        raise TypeError(f"depends_on takes items and names of items, not {type(wanted).__name__}.")
    if wanted == item.name and record_of(item).has_own_name:
        raise _on_itself(item)
    return registry.find(wanted)


def _on_itself(item: Item[Any]) -> CyclicDependency:
    return CyclicDependency(
        f"item {item.name!r} would depend on itself, so it could never run.", path=(item.name, item.name)
    )


def refuse_stranger(item: Item[Any]) -> NoReturn:
    """Refuse an item that is not in the manager that is asked about it."""
    where = "no manager" if item.manager is None else "another manager"
    raise UnknownItem(
        f"item {item.name!r} is in {where}, so this one knows nothing of it.\nSubmit it here first.",
        wanted=item.name,
    )


def refuse_cycle(item: Item[Any], on: Item[Any]) -> None:
    """Refuse a dependency that would lead back to the item.

    Raises:
        CyclicDependency: It would.
    """
    came_from: dict[Item[Any], Item[Any]] = {}
    todo = [on]
    while todo:
        here = todo.pop()
        if here is item:
            path = _path(here, on, came_from)
            raise CyclicDependency(
                f"item {item.name!r} would depend on itself: {' -> '.join(path)}.\nLeave one of these out.",
                path=path,
            )
        for each in record_of(here).unmet or ():
            if each not in came_from and each is not on:
                came_from[each] = here
                todo.append(each)


def _path(item: Item[Any], on: Item[Any], came_from: dict[Item[Any], Item[Any]]) -> tuple[str, ...]:
    """Name the items from one back to itself, the one that it would depend on second."""
    path, here = [item.name], item
    while here is not on:
        here = came_from[here]
        path.append(here.name)
    return item.name, *reversed(path)


def connect(item: Item[Any], dependencies: Iterable[Item[Any]]) -> None:
    """Have an item wait for those of its dependencies that have not completed; the guard is held."""
    record = record_of(item)
    for each in dependencies:
        record.dependencies = (*record.dependencies, each)
        other = record_of(each)
        if other.state is State.COMPLETED:
            continue
        record.unmet = record.unmet or set()
        record.unmet.add(each)
        if other.dependants is None:
            other.dependants = []
        other.dependants.append(item)


def disconnect(item: Item[Any], on: Item[Any]) -> None:
    """Have an item no longer wait for one of its dependencies; the guard is held.

    Raises:
        UnknownItem: It is none of them.
    """
    record = record_of(item)
    if on not in record.dependencies:
        raise UnknownItem(f"item {item.name!r} does not depend on {on.name!r}.", wanted=on.name)
    record.dependencies = tuple(each for each in record.dependencies if each is not on)
    if record.unmet:
        record.unmet.discard(on)


def freed(item: Item[Any]) -> Iterator[Item[Any]]:
    """Tell the dependants of a completed item, and yield those that wait for nothing else."""
    record = record_of(item)
    dependants, record.dependants = record.dependants, None
    for each in dependants or ():
        other = record_of(each)
        if other.unmet is not None and item in other.unmet:
            other.unmet.discard(item)
            if not other.unmet and other.state is State.WAITING:
                yield each


def skipped(item: Item[Any]) -> Iterator[Item[Any]]:
    """Give every item behind one that did not complete its error, and yield it; those that wait for it first."""
    todo = [item]
    for here in todo:  # grows meanwhile
        record = record_of(here)
        dependants, record.dependants = record.dependants, None
        for each in dependants or ():
            other = record_of(each)
            if other.state in _BLOCKED and other.unmet is not None and here in other.unmet:
                other.failure = _failure(each, here)
                yield each
                todo.append(each)


def _failure(item: Item[Any], dependency: Item[Any]) -> DependencyFailed:
    inherited = dependency.error
    cause, first, state = inherited, dependency.name, dependency.state
    if isinstance(inherited, DependencyFailed) and state is State.SKIPPED:
        cause, first, state = inherited.__cause__, inherited.dependency, inherited.state
    way = "" if first == dependency.name else f", through {dependency.name!r}"
    error = DependencyFailed(
        f"item {item.name!r} was skipped: it depends on {first!r}{way}, which "
        f"{'was ' * (state is State.CANCELLED)}{state}.",
        item=item.name,
        dependency=first,
        state=state,
    )
    error.__cause__ = cause
    return error


def ready_before(item: Item[Any]) -> Item[Any] | None:
    """Return an item that is ready and has to run before this one can end: itself, or one that it waits for."""
    return next((each for each in _awaited(item) if each.state is State.READY), None)


def refuse_waiting(item: Item[Any], outer: Item[Any] | None) -> None:
    """Refuse a wait of an item for itself, or for one that cannot run before it has ended.

    Raises:
        QueueError: It would wait for ever.
    """
    if outer is not None and any(each is outer for each in _awaited(item)):
        raise QueueError(
            f"item {outer.name!r} waits for {item.name!r}, which cannot end before it, so it would wait for ever."
        )


def _awaited(item: Item[Any]) -> Iterator[Item[Any]]:
    """Yield an item and all that it waits for, directly or not."""
    seen, todo = {item}, [item]
    while todo:
        here = todo.pop()
        yield here
        for each in record_of(here).unmet or ():
            if each not in seen:
                seen.add(each)
                todo.append(each)
