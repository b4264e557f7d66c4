"""Single flight: of all calls that want one key at one time, one runs and the others wait for how it ends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, NamedTuple

from pegboard.parts import after_fork
from pegboard.parts.stopping import wait_for
from pegboard.parts.wakers import new_waker

if TYPE_CHECKING:
    from pegboard import Call
    from pegboard_cache._store import Origin

Lineage = tuple[str, ...]


class Ending(NamedTuple):
    """How a flight ended.

    Attributes:
        kind: `returned` with a value, `failed` with an error, or `abandoned`: the leader was cancelled or closed and
            says nothing about the others, so the next of them runs.
        value: What the leader returned, or the exception that left it.
        from_function: Whether the value is the function's own, and not that of a layer that stood in for it.
        origin: The span that computed the value, where it was traced.
    """

    kind: str
    value: Any = None
    from_function: bool = True
    origin: Origin | None = None


ABANDONED = Ending("abandoned")


class Flight:
    """One run of one key.

    Attributes:
        key: What is being computed.
        leader: Id of the call that computes it.
        ending: How it ended; None while it goes on.
    """

    def __init__(self, key: Hashable, leader: str) -> None:
        self.key = key
        self.leader = leader
        self.ending: Ending | None = None
        self.wakes: dict[object, Callable[[], object]] = {}


class SingleFlight:
    """All flights of this process, for threads and coroutines alike."""

    def __init__(self) -> None:
        self._begin_anew()
        after_fork(self._begin_anew)

    def _begin_anew(self) -> None:
        """Begin with no flight, also in a forked child: the threads that led those are not in this process."""
        self._guard = (
            threading.RLock()
        )  # reentrant: the collector may close a leader's coroutine while it is held
        self._flights: dict[Hashable, Flight] = {}
        self._by_leader: dict[str, Flight] = {}
        # By leader: the flights that it, or a call made inside it, waits for.
        self._waits: dict[str, list[Flight]] = {}
        self.ended = 0

    def join(self, key: Hashable, leader: str, ended: int) -> Flight | None:
        """Join the flight of `key`, or begin it.

        Args:
            key: What is wanted.
            leader: Id of the call that wants it.
            ended: What `ended` was before the caller looked for a stored value.

        Returns:
            The flight; None when one has ended since that look, so that it has to be repeated.
        """
        with self._guard:
            flight = self._flights.get(key)
            if flight is not None:
                return flight
            if self.ended != ended:
                return None
            flight = self._flights[key] = self._by_leader[leader] = Flight(key, leader)
            return flight

    def end(self, flight: Flight, ending: Ending) -> None:
        """Tell everybody who waits; by the leader, exactly once."""
        with self._guard:
            flight.ending = ending
            if self._flights.get(flight.key) is flight:  # not so in a process forked during the flight
                del self._flights[flight.key]
                self._by_leader.pop(flight.leader, None)
            self.ended += 1
            wakes = list(flight.wakes.values())
        for wake in wakes:
            wake()

    def wait(self, flight: Flight, lineage: Lineage) -> Ending | None:
        """Block until the flight ends; None at once when it cannot end before the waiting call does.

        Args:
            flight: What to wait for.
            lineage: Ids of the waiting call and of all calls that it was made in.
        """
        done = threading.Event()
        blocked = self._enter(flight, lineage, done, done.set)
        if blocked is not None:
            try:
                wait_for(done)
            finally:
                self._leave(flight, blocked, done)
        return flight.ending

    async def await_(self, flight: Flight, lineage: Lineage) -> Ending | None:
        """Do what `wait` does, suspending."""
        done, wake = new_waker()
        blocked = self._enter(flight, lineage, done, wake)
        if blocked is not None:
            try:
                await done
            finally:
                self._leave(flight, blocked, done)
        return flight.ending

    def _enter(
        self, flight: Flight, lineage: Lineage, waiter: object, wake: Callable[[], object]
    ) -> list[str] | None:
        """Begin to wait: the leaders that are held up by it; None when it is over, or would never be."""
        with self._guard:
            if flight.ending is not None or self._needs(flight, frozenset(lineage), set()):
                return None
            flight.wakes[waiter] = wake
            blocked = [call for call in lineage if call in self._by_leader]
            for leader in blocked:
                self._waits.setdefault(leader, []).append(flight)
            return blocked

    def _leave(self, flight: Flight, blocked: list[str], waiter: object) -> None:
        with self._guard:
            flight.wakes.pop(waiter, None)
            for leader in blocked:
                waits = self._waits[leader]
                waits.remove(flight)
                if not waits:
                    del self._waits[leader]

    def _needs(self, flight: Flight, lineage: frozenset[str], seen: set[Flight]) -> bool:
        """Whether `flight` can only end after one of the calls in `lineage`: then waiting for it is a deadlock."""
        if flight.leader in lineage:
            return True
        seen.add(flight)
        return any(
            other not in seen and self._needs(other, lineage, seen)
            for other in self._waits.get(flight.leader, ())
        )


def lineage_of(call: Call) -> Lineage:
    """The ids of a call and of all calls that it was made in."""
    ids = []
    each: Call | None = call
    while each is not None:
        ids.append(each.id)
        each = each.parent
    return tuple(ids)


SINGLE_FLIGHT = SingleFlight()
