"""What an item depends on: found by name, free of cycles, and what follows when it ends."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from typing import Any, NoReturn, Protocol

from pegboard_queue._errors import CyclicDependency, DependencyFailed, UnknownItem
from pegboard_queue.items.item import Item, record_of
from pegboard_queue.items.state import ENDED, State

_BLOCKED = frozenset((State.WAITING, State.PAUSED))


class Names(Protocol):
    """Where items are found that others depend on."""

    def find(self, wanted: str) -> Item[Any]:
        """Return the item of a name or id."""
        ...

    def holds(self, item: Item[Any]) -> bool:
        """Whether this very item is there."""
        ...


def resolve(names: Names, item: Item[Any], depends_on: Iterable[Item[Any] | str]) -> tuple[Item[Any], ...]:
    """Find the items that are named, each once.

    Raises:
        UnknownItem: There is none of a name, or it is of another manager.
        CyclicDependency: It is the item itself.
    """
    return tuple(dict.fromkeys(_one(names, item, each) for each in depends_on))


def _one(names: Names, item: Item[Any], wanted: Item[Any] | str) -> Item[Any]:
    if not isinstance(wanted, str):
        if wanted is item:
            raise _on_itself(item)
        if not names.holds(wanted):
            refuse_stranger(wanted)
        return wanted
    if wanted == item.name and record_of(item).has_own_name:
        raise _on_itself(item)
    found = names.find(wanted)
    if found is item:
        raise _on_itself(item)
    return found


def _on_itself(item: Item[Any]) -> CyclicDependency:
    return CyclicDependency(
        f"item {item.name!r} would depend on itself, so it could never run.", path=(item.name, item.name)
    )


def refuse_stranger(item: Item[Any]) -> NoReturn:
    """Refuse an item that is not in the manager that is asked about it."""
    where = (
        "no manager"
        if item.manager is None
        else "another manager, or was submitted before this process was forked"
    )
    raise UnknownItem(
        f"item {item.name!r} is in {where}, so this one knows nothing of it.\nSubmit it here first.",
        wanted=item.name,
    )


def refuse_cycle(item: Item[Any], on: Item[Any]) -> None:
    """Refuse a dependency that would lead back to the item.

    Raises:
        CyclicDependency: It would.
    """
    path = way(on, item, waited_for)
    if path is not None:
        raise cyclic(item, path)


def cyclic(item: Item[Any], path: Sequence[Item[Any]]) -> CyclicDependency:
    """Say that items would wait for each other.

    Args:
        item: One of them.
        path: From what it would wait for to itself, each waiting for the next.
    """
    names = (*(each.name for each in reversed(path)), item.name)
    return CyclicDependency(
        f"item {item.name!r} would depend on itself: {' -> '.join(names)}, where each has to end before the next.\n"
        f"Leave one of these out.",
        path=names,
    )


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


def skipped(item: Item[Any], first: Iterable[Item[Any]] | None = None) -> Iterator[Item[Any]]:
    """Give every item behind one that did not complete its error, and yield it; those that wait for it first.

    Args:
        item: The one that did not complete.
        first: Those that wait for it; without them all that are known to.
    """
    todo = [item]
    for here in todo:  # grows meanwhile
        behind = record_of(here).dependants if first is None else first
        first = None
        for each in behind or ():
            other = record_of(each)
            if other.state in _BLOCKED and other.unmet is not None and here in other.unmet:
                other.failure = _failure(each, here)
                yield each
                todo.append(each)


def revived(item: Item[Any]) -> list[Item[Any]]:
    """Return what was skipped because of a failed item that is to run again, unless something else stands in its way.

    What stays skipped is told what that is.
    """
    found = _skipped_behind(item)
    while True:
        barred = {each: bar for each in found if (bar := _bar(each, found, item)) is not None}
        if not barred:
            return list(found)
        for each, bar in barred.items():
            del found[each]
            record_of(each).failure = _failure(each, bar)


def _skipped_behind(item: Item[Any]) -> dict[Item[Any], None]:
    found: dict[Item[Any], None] = {}
    todo = [item]
    for here in todo:  # grows meanwhile
        for each in record_of(here).dependants or ():
            other = record_of(each)
            if other.state is State.SKIPPED and each not in found and here in (other.unmet or ()):
                found[each] = None
                todo.append(each)
    return found


def _bar(item: Item[Any], found: Container[Item[Any]], retried: Item[Any]) -> Item[Any] | None:
    """Return what an item waits for in vain, with those found and the retried one on their way again."""
    unmet = record_of(item).unmet or ()
    return next((e for e in unmet if e.state in ENDED and e is not retried and e not in found), None)


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
    manager = item.manager
    for each in _reached(item, waited_for):
        if each.state is State.READY and each.manager is manager:
            return each
    return None


def blocked_by(item: Item[Any]) -> tuple[Item[Any], ...]:
    """Return what has to complete before an item begins."""
    unmet = record_of(item).unmet
    return tuple(unmet.copy()) if unmet else ()  # a copy: it may be of another manager


def waited_for(item: Item[Any]) -> tuple[Item[Any], ...]:
    """Return what an item waits for at this moment: its dependencies, and what its task waits for."""
    return (*blocked_by(item), *(record_of(item).awaited or ()))


def way(
    start: Item[Any], end: Item[Any], following: Callable[[Item[Any]], Iterable[Item[Any]]]
) -> list[Item[Any]] | None:
    """Return the items from one to another, each followed by one that `following` gives of it; None without a way."""
    came_from: dict[Item[Any], Item[Any]] = {}
    for here in _reached(start, following, came_from):
        if here is end:
            path = [here]
            while path[-1] is not start:
                path.append(came_from[path[-1]])
            return path[::-1]
    return None


def _reached(
    start: Item[Any],
    following: Callable[[Item[Any]], Iterable[Item[Any]]],
    came_from: dict[Item[Any], Item[Any]] | None = None,
) -> Iterator[Item[Any]]:
    """Yield an item and all that it leads to, each once."""
    seen, todo = {start}, [start]
    while todo:
        here = todo.pop()
        yield here
        for each in following(here):
            if each not in seen:
                seen.add(each)
                todo.append(each)
                if came_from is not None:
                    came_from[each] = here
