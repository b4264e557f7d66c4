"""Room for one call, and who waits for it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable


class Ticket:
    """A call's place in the queue.

    Attributes:
        number: The call's.
        wake: Tells the waiting thread or coroutine that it has a place; False when nobody is there any more.
        place: What it was given, or None so far.
        gone: Whether it has given up.
    """

    __slots__ = ("gone", "number", "place", "wake")

    def __init__(self, number: int, wake: Callable[[], bool]) -> None:
        self.number = number
        self.wake = wake
        self.place: Place | None = None
        self.gone = False


class Place:
    """Room for one call.

    A call that is made inside one which has a place borrows that place, and gives it back when it ends: the outer call
    waits for it anyway, and two that waited for each other's places would never end.

    Attributes:
        lent: Whether a call inside has it.
        ended: Whether its own call is over, so that it goes back as soon as nobody inside uses it.
        lender: Where it was borrowed from; None for one of the limit's own.
        waiting: Calls inside that wait for it, in order.
    """

    __slots__ = ("ended", "lender", "lent", "waiting")

    def __init__(self, lender: Place | None = None) -> None:
        self.lent = False
        self.ended = False
        self.lender = lender
        self.waiting: deque[Ticket] = deque()
