"""So many places for calls, which threads and coroutines wait for in one queue."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

from pegboard_limits.concurrency.slot import Place

if TYPE_CHECKING:
    from pegboard import Call
    from pegboard_limits.concurrency.slot import Ticket


class Places:
    """The places of one limit.

    A call that finds a place free, and one that leaves when nobody waits, take no lock: what they do to the queues is
    atomic, and each looks at the other's side after it has changed its own.

    Attributes:
        name: As events and errors call it.
        n: How many there are.
    """

    def __init__(self, name: str, n: int) -> None:
        self.name = name
        self.n = n
        # Reentrant: the collector may end a stream while it is held, which gives its place back.
        self._guard = threading.RLock()
        self._free: deque[Place] = deque()
        self._unmade = n
        self._waiting: deque[Ticket] = deque()
        self._held: dict[int, Place] = {}  # by the number of the call

    @property
    def taken(self) -> int:
        """How many places are taken; calls inside others share theirs."""
        with self._guard:
            return self.n - self._unmade - len(self._free)

    def enter(self, call: Call) -> Place | None:
        """Take a place if there is one; whoever waits already goes first."""
        if call.parent is not None and self._around(call) is not None:
            return self._borrow(call)
        if self._waiting:
            return None
        try:
            place = self._free.pop()
        except IndexError:
            made = self._make()
            if made is None:
                return None
            place = made
        self._held[call.number] = place
        return place

    def queue(self, call: Call, ticket: Ticket) -> None:
        """Join the queue; the ticket may have its place at once."""
        with self._guard:
            while True:
                ticket.place = self._borrow(call)
                if ticket.place is not None:
                    return
                lender = self._around(call)
                if lender is None:
                    self._waiting.append(ticket)
                    self._serve()  # what was given back since `enter`
                    return
                if lender.lent:  # otherwise the call that had it left in this very moment
                    lender.waiting.append(ticket)
                    return

    def give_up(self, ticket: Ticket) -> Place | None:
        """Leave the queue; return the place, if one came a moment ago."""
        with self._guard:
            ticket.gone = True
            return ticket.place

    def leave(self, number: int, place: Place) -> None:
        """Give the place of the call with that number back, to the first who waits for it."""
        del self._held[number]
        if place.lent or place.lender is not None:
            self._end(place)
            return
        self._free.append(place)
        if self._waiting:
            self._serve()

    def _make(self) -> Place | None:
        with self._guard:
            if not self._unmade:
                return None
            self._unmade -= 1
            return Place()

    def _serve(self) -> None:
        """Hand free places to those who wait."""
        with self._guard:
            while self._waiting:
                try:
                    place = self._free.pop()
                except IndexError:
                    made = self._make()
                    if made is None:
                        return
                    place = made
                if not self._give(self._waiting, place):
                    self._free.append(place)

    def _give(self, waiting: deque[Ticket], place: Place) -> bool:
        """Give a place to the first who still wants it; False when there is none."""
        while waiting:
            ticket = waiting.popleft()
            if ticket.gone:
                continue
            ticket.place = self._held[ticket.number] = place
            if ticket.wake():
                return True
            del self._held[ticket.number]
            ticket.place, ticket.gone = None, True
        return False

    def _end(self, place: Place) -> None:
        """Give a place back to where it came from, unless a call inside has it and is not over yet."""
        with self._guard:
            while True:
                place.ended = True
                if place.lent:
                    return
                lender = place.lender
                if lender is None:
                    place.ended = False
                    self._free.append(place)
                    self._serve()
                    return
                if self._give(lender.waiting, Place(lender)):
                    return
                lender.lent = False
                if not lender.ended:
                    return
                place = lender

    def _borrow(self, call: Call) -> Place | None:
        """Take the place of the call around this one, if it has one that is not lent already."""
        with self._guard:
            lender = self._around(call)
            while lender is not None and not lender.lent:
                lender.lent = True
                if self._around(call) is lender:  # it may have left meanwhile, without a lock
                    place = self._held[call.number] = Place(lender)
                    return place
                lender.lent = False
                lender = self._around(call)
            return None

    def _around(self, call: Call) -> Place | None:
        """The place of the nearest call around this one that has one."""
        outer = call.parent
        while outer is not None:
            place = self._held.get(outer.number)
            if place is not None:
                return place
            outer = outer.parent
        return None
