"""The items of a manager: found by name and id, counted by state, and forgotten some time after their end."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from pegboard.parts import new_rlock
from pegboard_queue._errors import DuplicateItem, UnknownItem
from pegboard_queue.items.item import record_of
from pegboard_queue.items.state import ENDED, State
from pegboard_queue.running.notifier import Notifier, release_waiters

if TYPE_CHECKING:
    from pegboard_queue.items.item import Item


class Registry:
    """Every change of an item's state goes through here, with the guard held.

    Attributes:
        id: Of the manager.
        guard: The one lock of the manager. Reentrant: the collector may end what uses it while it is held.
        items: By serial number, in the order of submission; those that ended long ago are left out.
        counts: How many items are in each state, the forgotten ones included.
        unfinished: How many have not ended.
        submitted: How many there have been.
        notifier: Tells of the changes.
    """

    def __init__(self, keep: int | None) -> None:
        self.id = os.urandom(4).hex()
        self.guard = new_rlock()
        self.items: dict[int, Item[Any]] = {}
        self.counts = dict.fromkeys(State, 0)
        self.unfinished = 0
        self.submitted = 0
        self.notifier = Notifier(self.guard)
        self._keep = keep
        self._by_name: dict[str, dict[int, Item[Any]]] = {}
        self._ended: dict[int, Item[Any]] = {}

    def refuse_taken(self, item: Item[Any]) -> None:
        """Refuse an item whose own name another one has.

        Raises:
            DuplicateItem: That one has not ended.
        """
        if record_of(item).has_own_name:
            for other in self._by_name.get(item.name, {}).values():
                if other.state not in ENDED:
                    raise duplicate(item, other)

    def add(self, item: Item[Any]) -> None:
        """Take in a pending item.

        Raises:
            DuplicateItem: Its name was given to another one, which has not ended.
        """
        record = record_of(item)
        alike = self._by_name.get(record.name)
        if alike is None:
            alike = self._by_name[record.name] = {}
        elif record.has_own_name:
            self.refuse_taken(item)
            alike.clear()  # the new one takes the name over
        self.submitted += 1
        record.number = self.submitted
        self.items[record.serial] = alike[record.serial] = item
        self.counts[record.state] += 1
        self.unfinished += 1

    def holds(self, item: Item[Any]) -> bool:
        """Whether an item was submitted here, and in this process; also one that is forgotten."""
        control = record_of(item).control
        return control is not None and control.is_of(self)

    def has_name(self, name: str) -> bool:
        """Whether any item has this name."""
        return bool(self._by_name.get(name))

    def find(self, wanted: str) -> Item[Any]:
        """Return the item of a name or an id.

        Raises:
            UnknownItem: There is none, or there are several of that name.
        """
        alike = self._by_name.get(wanted)
        if alike:
            if len(alike) == 1:
                return next(iter(alike.values()))
            raise ambiguous(wanted, len(alike))
        found = self.items.get(_serial_in(wanted))
        if found is None or found.id != wanted:
            raise UnknownItem(
                f"this manager has no item {wanted!r}: it was not submitted, or ended so long ago that it is "
                f"forgotten (TaskManager(keep=...)).\nKnown names: {self._some_names()}.",
                wanted=wanted,
            )
        return found

    def move(self, item: Item[Any], new: State) -> None:
        """Change an item's state, if that is legal.

        Raises:
            IllegalTransition: It is not; nothing was changed.
        """
        record = record_of(item)
        old = record.move(new)
        self.counts[old] -= 1
        self.counts[new] += 1
        if record.session is not None:
            self.notifier.changed(record.session, item, old, new)
        if new in ENDED:
            self.unfinished -= 1
            self._ended[record.serial] = item
            if self.notifier.is_idle:
                release_waiters(record)
            else:
                self.notifier.after(lambda: release_waiters(record))
            self._forget()
        elif old in ENDED:
            self.unfinished += 1
            record.is_done = False
            self._ended.pop(record.serial, None)
            self._remember(item, record.serial)

    def fail_all(self, error: BaseException) -> None:
        """Have every item that has not ended fail, without telling anybody but those who wait for it."""
        for item in [*self.items.values()]:
            record = record_of(item)
            if record.state in ENDED:
                continue
            self.counts[record.state] -= 1
            self.counts[State.FAILED] += 1
            record.state, record.failure, record.result = State.FAILED, error, None
            self.unfinished -= 1
            release_waiters(record)
            if record.stop is not None:
                self.notifier.later(record.stop.ask)

    def _remember(self, item: Item[Any], serial: int) -> None:
        """Take an item back that may have been forgotten."""
        if serial not in self.items:
            self.items[serial] = item
            self._by_name.setdefault(item.name, {})[serial] = item

    def _forget(self) -> None:
        """Let go of the item that ended first, when there are more than are kept."""
        if self._keep is None or len(self._ended) <= self._keep:
            return
        serial = next(iter(self._ended))
        record = record_of(self._ended.pop(serial))
        record.dependencies = ()  # each would keep the one before it, without end
        if record.dependants or record.unmet:
            self.notifier.later(record.let_go)  # what becomes of those behind it may be under way
        del self.items[serial]
        alike = self._by_name.get(record.name)
        if alike is not None:
            alike.pop(serial, None)
            if not alike:
                del self._by_name[record.name]

    def _some_names(self) -> str:
        names = sorted(self._by_name)
        return ", ".join(names[:10]) + (", ..." if len(names) > 10 else "") or "none"


def duplicate(item: Item[Any], other: Item[Any]) -> DuplicateItem:
    """Say that a name is taken."""
    return DuplicateItem(
        f"an item called {item.name!r} is there already, and has not ended ({other.state}).\n"
        f"`depends_on` finds items by name. Give this one another, or wait for that one.",
        item=item.name,
    )


def ambiguous(wanted: str, count: int) -> UnknownItem:
    """Say that a name says not which item is meant."""
    return UnknownItem(
        f"{count} items are called {wanted!r}.\nPass the Item itself or its id, or submit with name=...",
        wanted=wanted,
    )


def _serial_in(wanted: str) -> int:
    try:
        return int(wanted.rpartition("-")[2], 16)
    except ValueError:
        return 0
