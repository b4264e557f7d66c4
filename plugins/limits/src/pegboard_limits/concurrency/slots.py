"""The slots of a concurrency limit, which threads and coroutines wait for in one queue."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from threading import get_ident
from typing import TYPE_CHECKING, NamedTuple

from pegboard import current_call
from pegboard.parts import after_fork, new_rlock

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from weakref import ref

    from pegboard import Call


class Waiter:
    """A call that waits in the queue for a slot.

    Attributes:
        call: The call.
        wake: Tells the waiting thread or coroutine that it has a slot, any number of times; False when nobody is there any more.
        thread: Where it waits.
        gone: Whether it has given up.
        served: Whether it knows that it has a slot, and goes on. Whoever was interrupted in giving it may ask again.
    """

    __slots__ = ("call", "gone", "served", "thread", "wake")

    def __init__(self, call: Call, wake: Callable[[], bool]) -> None:
        self.call = call
        self.wake = wake
        self.thread = get_ident()
        self.gone = False
        self.served = False


class Borrowed(NamedTuple):
    """What a call has that was made inside one which has a slot.

    It uses that slot: the outer call waits for it anyway, and two that waited for each other's slots would never end.

    Attributes:
        thread: Whose it is.
        lenders: Numbers of the calls around it that use the slot, the nearest first.
    """

    thread: int
    lenders: tuple[int, ...]


class Slots:
    """The slots of one concurrency limit.

    Which calls have a slot stands in `held` alone, and all else is worked out from it. So a call gives its slot back by a
    single call of a function in C, which no signal handler gets in between: `held.pop(number, None)`; whatever an interrupt
    leaves undone, the next call of the limit does. A call that finds a slot free, and one that leaves when nobody waits, take
    no lock: each looks at the other's side after it has changed its own.

    Attributes:
        name: As events and errors call it.
        n: How many there are.
        held: By the number of the call, the thread that has a slot of the limit's own, or what is borrowed; a negative number
            is for the bodies of a call that is over, and go on.
        waiting: Who waits for a slot of the limit's own, in order.
        inside: Who waits for the slot of a call around it.
        loops: By the number of an async call, its event loop: once that is closed, the call goes on no more.
    """

    def __init__(self, name: str, n: int) -> None:
        self.name = name
        self.n = n
        self.held: dict[int, int | Borrowed] = {}
        self.waiting: deque[Waiter] = deque()
        self.inside: deque[Waiter] = deque()
        self.loops: dict[int, ref[AbstractEventLoop]] = {}
        self._going_on: dict[int, Call] = {}  # whose bodies have the slots with negative numbers
        # Reentrant: the collector may end a stream while it is held, which gives its slot back.
        self._guard = new_rlock()
        after_fork(self._free_those_of_dead_threads)

    @property
    def taken(self) -> int:
        """How many slots are taken; calls inside others share theirs."""
        return sum(map(self._is_taken, list(self.held.values())))

    def enter(self, call: Call) -> bool:
        """Take a slot if there is one; whoever waits already goes first."""
        if call.parent is None or self._around(call) is None:
            if self.waiting:
                return False
            self.held[call.number] = get_ident()
            if len(self.held) <= self.n:
                return True
        with self._guard:
            self._free_what_is_over()
            return self._grant(call, get_ident())

    def queue(self, waiter: Waiter) -> None:
        """Join the queue; the waiter may have its slot at once."""
        with self._guard:
            queue = self.waiting if self._around(waiter.call) is None else self.inside
            queue.append(waiter)
            self.serve()  # what was given back since `enter`

    def give_up(self, waiter: Waiter) -> bool:
        """Leave the queue, unless a slot came a moment ago; tell whether one did."""
        with self._guard:
            waiter.served = waiter.call.number in self.held
            waiter.gone = not waiter.served
            return waiter.served

    def serve(self) -> None:
        """Hand free slots to those who wait."""
        with self._guard:
            self._free_what_is_over()
            for waiter in list(self.inside):
                if self._give(waiter):
                    self._remove(self.inside, waiter)
            while self.waiting:
                waiter = self.waiting[0]
                if not self._give(waiter):
                    return
                if (
                    self.waiting and self.waiting[0] is waiter
                ):  # a stream that the collector ended may have served it
                    self.waiting.popleft()

    def keep_for_bodies(self, call: Call) -> None:
        """Leave the slot of a call that ends to its bodies that go on, until they end."""
        place = self.held.get(call.number)
        if place is not None:
            # First, so that an interrupt leaves no slot whose end nobody is told of.
            call.when_bodies_end(self.serve)
            self._going_on[-call.number] = call
            self.held[-call.number] = place

    def is_own(self, number: int) -> bool:
        """Whether the call of that number has a slot of the limit's own."""
        return type(self.held.get(number)) is int

    def _give(self, waiter: Waiter) -> bool:
        """Give a slot to one who waits; True too where nobody is there any more, and where an interrupt came before it was told."""
        number = waiter.call.number
        if waiter.served:
            return True
        if (
            not waiter.gone
            and number not in self.held
            and not self._grant(waiter.call, waiter.thread, waiter)
        ):
            return False
        if waiter.gone or not waiter.wake():
            waiter.gone = True
            self.held.pop(number, None)
        return True

    @staticmethod
    def _remove(queue: deque[Waiter], waiter: Waiter) -> None:
        try:
            queue.remove(waiter)
        except ValueError:  # a stream that the collector ended has served it
            pass

    def _grant(self, call: Call, thread: int, waiter: Waiter | None = None) -> bool:
        """Take the slot of the call around this one, if it has one and no other call inside it uses it; else a free one.

        A waiter that was served meanwhile may be over, and is given none: nothing comes between that question and the slot.
        """
        number = call.number
        while (lender := self._around(call)) is not None:
            if self._is_lent(lender, number):
                self.held.pop(number, None)
                return False
            place = Borrowed(thread, tuple(filter(self._has, _numbers_from(call.parent))))
            if waiter is None or not waiter.served:
                self.held[number] = place
            if self._has(lender):  # it may have left meanwhile, without a lock
                return True
        if waiter is None or not waiter.served:
            self.held[number] = thread
        if len(self.held) <= self.n or self.taken <= self.n:
            return True
        self.held.pop(number, None)
        return False

    def _is_taken(self, place: int | Borrowed) -> bool:
        """Whether a slot of the limit's own is used: also by a call whose lenders are all over, and that goes on."""
        return isinstance(place, int) or not any(map(self._has, place.lenders))

    def _is_lent(self, lender: int, number: int) -> bool:
        return any(
            type(place) is Borrowed and lender in place.lenders and key != number
            for key, place in list(self.held.items())
        )

    def _around(self, call: Call) -> int | None:
        """The number of the nearest call around this one that has a slot."""
        outer = call.parent
        while outer is not None and not self._has(outer.number):
            outer = outer.parent
        return None if outer is None else outer.number

    def _has(self, number: int) -> bool:
        return number in self.held or -number in self.held

    def _free_what_is_over(self) -> None:
        """Take the slots of bodies that have ended, and of calls that an interrupt left in an event loop which is closed now."""
        for number, call in list(self._going_on.items()):
            if not call.abandoned:
                self.held.pop(number, None)
                self._going_on.pop(number, None)
        for number, loop in list(self.loops.items()):
            if (found := loop()) is None or found.is_closed():
                self.held.pop(number, None)
                self.loops.pop(number, None)

    def _free_those_of_dead_threads(self) -> None:
        """In a forked child: the threads that did not come along would hold, and be handed, slots for ever."""
        here = get_ident()
        mine = _numbers_from(current_call())
        for number, place in list(self.held.items()):
            thread = place if isinstance(place, int) else place.thread
            if thread != here and number not in mine:
                self.held.pop(number, None)
        for queue in (self.waiting, self.inside):
            here_too = [waiter for waiter in queue if waiter.thread == here]
            queue.clear()  # layers know these very objects
            queue.extend(here_too)


def _numbers_from(call: Call | None) -> list[int]:
    """The numbers of a call and of those around it: also of such whose thread waits for this one."""
    numbers = []
    while call is not None:
        numbers.append(call.number)
        call = call.parent
    return numbers
