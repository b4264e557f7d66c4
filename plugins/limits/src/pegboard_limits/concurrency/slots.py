"""The slots of a concurrency limit, which threads and coroutines wait for in one queue."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from pegboard.parts import new_rlock

if TYPE_CHECKING:
    from pegboard import Call


class Waiter:
    """A call that waits in the queue for a slot.

    Attributes:
        number: The call's.
        wake: Tells the waiting thread or coroutine that it has a slot; False when nobody is there any more.
        slot: What it was given, or None so far.
        gone: Whether it has given up.
    """

    __slots__ = ("gone", "number", "slot", "wake")

    def __init__(self, number: int, wake: Callable[[], bool]) -> None:
        self.number = number
        self.wake = wake
        self.slot: Slot | None = None
        self.gone = False


class Slot:
    """Room for one call.

    A call that is made inside one which has a slot borrows that slot, and gives it back when it ends: the outer call
    waits for it anyway, and two that waited for each other's slots would never end.

    Attributes:
        lent: Whether a call inside has it.
        ended: Whether its own call is over, so that it goes back as soon as nobody inside uses it.
        lender: Where it was borrowed from; None for one of the limit's own.
        waiting: Calls inside that wait for it, in order.
    """

    __slots__ = ("ended", "lender", "lent", "waiting")

    def __init__(self, lender: Slot | None = None) -> None:
        self.lent = False
        self.ended = False
        self.lender = lender
        self.waiting: deque[Waiter] = deque()


class Slots:
    """The slots of one concurrency limit.

    A call that finds a slot free, and one that leaves when nobody waits, take no lock: what they do to the queues is
    atomic, and each looks at the other's side after it has changed its own.

    Attributes:
        name: As events and errors call it.
        n: How many there are.
    """

    def __init__(self, name: str, n: int) -> None:
        self.name = name
        self.n = n
        # Reentrant: the collector may end a stream while it is held, which gives its slot back.
        self._guard = new_rlock()
        self._free: deque[Slot] = deque()
        self._unmade = n
        self._waiting: deque[Waiter] = deque()
        self._held: dict[int, Slot] = {}  # by the number of the call

    @property
    def taken(self) -> int:
        """How many slots are taken; calls inside others share theirs."""
        with self._guard:
            return self.n - self._unmade - len(self._free)

    def enter(self, call: Call) -> Slot | None:
        """Take a slot if there is one; whoever waits already goes first."""
        if call.parent is not None and self._around(call) is not None:
            return self._borrow(call)
        if self._waiting:
            return None
        try:
            slot = self._free.pop()
        except IndexError:
            made = self._make()
            if made is None:
                return None
            slot = made
        self._held[call.number] = slot
        return slot

    def queue(self, call: Call, waiter: Waiter) -> None:
        """Join the queue; the waiter may have its slot at once."""
        with self._guard:
            while True:
                waiter.slot = self._borrow(call)
                if waiter.slot is not None:
                    return
                lender = self._around(call)
                if lender is None:
                    self._waiting.append(waiter)
                    self._serve()  # what was given back since `enter`
                    return
                if lender.lent:  # otherwise the call that had it left in this very moment
                    lender.waiting.append(waiter)
                    return

    def give_up(self, waiter: Waiter) -> Slot | None:
        """Leave the queue; return the slot, if one came a moment ago."""
        with self._guard:
            waiter.gone = True
            return waiter.slot

    def leave(self, number: int, slot: Slot) -> None:
        """Give the slot of the call with that number back, to the first who waits for it."""
        del self._held[number]
        if slot.lent or slot.lender is not None:
            self._end(slot)
            return
        self._free.append(slot)
        if self._waiting:
            self._serve()

    def _make(self) -> Slot | None:
        with self._guard:
            if not self._unmade:
                return None
            self._unmade -= 1
            return Slot()

    def _serve(self) -> None:
        """Hand free slots to those who wait."""
        with self._guard:
            while self._waiting:
                try:
                    slot = self._free.pop()
                except IndexError:
                    made = self._make()
                    if made is None:
                        return
                    slot = made
                if not self._give(self._waiting, slot):
                    self._free.append(slot)

    def _give(self, waiting: deque[Waiter], slot: Slot) -> bool:
        """Give a slot to the first who still wants it; False when there is none."""
        while waiting:
            waiter = waiting.popleft()
            if waiter.gone:
                continue
            waiter.slot = self._held[waiter.number] = slot
            if waiter.wake():
                return True
            del self._held[waiter.number]
            waiter.slot, waiter.gone = None, True
        return False

    def _end(self, slot: Slot) -> None:
        """Give a slot back to where it came from, unless a call inside has it and is not over yet."""
        with self._guard:
            while True:
                slot.ended = True
                if slot.lent:
                    return
                lender = slot.lender
                if lender is None:
                    slot.ended = False
                    self._free.append(slot)
                    self._serve()
                    return
                if self._give(lender.waiting, Slot(lender)):
                    return
                lender.lent = False
                if not lender.ended:
                    return
                slot = lender

    def _borrow(self, call: Call) -> Slot | None:
        """Take the slot of the call around this one, if it has one that is not lent already."""
        with self._guard:
            lender = self._around(call)
            while lender is not None and not lender.lent:
                lender.lent = True
                if self._around(call) is lender:  # it may have left meanwhile, without a lock
                    slot = self._held[call.number] = Slot(lender)
                    return slot
                lender.lent = False
                lender = self._around(call)
            return None

    def _around(self, call: Call) -> Slot | None:
        """The slot of the nearest call around this one that has one."""
        outer = call.parent
        while outer is not None:
            slot = self._held.get(outer.number)
            if slot is not None:
                return slot
            outer = outer.parent
        return None
