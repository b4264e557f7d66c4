"""Single flight: of all calls that want one key at one time, one runs and the others wait for how it ends."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, NamedTuple

from pegboard.parts import after_fork, new_rlock
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


class Presence:
    """Stands in the frame of a leader for as long as that is there: an interrupt may strike before it says how it ended."""

    __slots__ = ("__weakref__",)


class Flight:
    """One run of one key.

    Attributes:
        key: What is being computed.
        leader: Id of the call that computes it.
        thread: The thread that it blocks; None for a coroutine.
        ending: How it ended; None while it goes on.
        presence: A reference to what the leader's frame holds, which ends the flight when it is gone.
    """

    def __init__(self, key: Hashable, leader: str, thread: int | None) -> None:
        self.key = key
        self.leader = leader
        self.thread = thread
        self.ending: Ending | None = None
        self.wakes: dict[object, Callable[[], object]] = {}
        self.presence: weakref.ref[Presence] | None = None


class SingleFlight:
    """All flights of this process, for threads and coroutines alike."""

    def __init__(self) -> None:
        self._begin_anew()
        after_fork(self._begin_anew)

    def _begin_anew(self) -> None:
        """Begin with no flight, also in a forked child: the threads that led those are not in this process."""
        self._guard = new_rlock()  # reentrant: the collector may close a leader's coroutine while it is held
        self._flights: dict[Hashable, Flight] = {}
        self._by_leader: dict[str, Flight] = {}
        # By leader: the flights that it, or a call made inside it, waits for.
        self._waits: dict[str, list[Flight]] = {}
        self.ended = 0

    def join(
        self,
        key: Hashable,
        leader: str,
        ended: int,
        presence: Presence | None = None,
        thread: int | None = None,
    ) -> Flight | None:
        """Join the flight of `key`, or begin it.

        Args:
            key: What is wanted.
            leader: Id of the call that wants it.
            ended: What `ended` was before the caller looked for a stored value.
            presence: Held by the frame of the caller, should it become the leader.
            thread: The thread that the caller blocks; None for a coroutine.

        Returns:
            The flight; None when one has ended since that look, so that it has to be repeated.
        """
        with self._guard:
            flight = self._flights.get(key)
            if flight is not None and flight.ending is None:
                return flight
            if flight is not None:  # an interrupt struck while it ended
                self.end(flight, ABANDONED)
                return None
            if self.ended != ended:
                return None
            flight = Flight(key, leader, thread)
            if presence is not None:
                flight.presence = weakref.ref(presence, lambda _: self.end(flight, ABANDONED))
            self._flights[key] = self._by_leader[leader] = flight
            return flight

    def end(self, flight: Flight, ending: Ending) -> None:
        """Tell everybody who waits; how it ended counts once."""
        with self._guard:
            if flight.ending is None:
                flight.ending = ending
            if self._flights.get(flight.key) is flight:  # not so in a process forked during the flight
                del self._flights[flight.key]
                self.ended += 1
            if self._by_leader.get(flight.leader) is flight:
                del self._by_leader[flight.leader]
                self._waits.pop(flight.leader, None)
        while flight.wakes:
            try:
                _, wake = flight.wakes.popitem()
            except KeyError:  # another thread was first
                return
            wake()

    def wait(self, flight: Flight, lineage: Lineage) -> Ending | None:
        """Block until the flight ends; None at once when it cannot end before the waiting call does.

        Args:
            flight: What to wait for.
            lineage: Ids of the waiting call and of all calls that it was made in.
        """
        done = threading.Event()
        try:
            if self._enter(flight, lineage, done, done.set, threading.get_ident()):
                wait_for(done)
        finally:
            self._leave(flight, lineage, done)
        return flight.ending

    async def await_(self, flight: Flight, lineage: Lineage) -> Ending | None:
        """Do what `wait` does, suspending."""
        done, wake = new_waker()
        try:
            if self._enter(flight, lineage, done, wake, None):
                await done
        finally:
            self._leave(flight, lineage, done)
        return flight.ending

    def _enter(
        self,
        flight: Flight,
        lineage: Lineage,
        waiter: object,
        wake: Callable[[], object],
        thread: int | None,
    ) -> bool:
        """Begin to wait; False when it is over, or would never be."""
        with self._guard:
            if flight.ending is not None or self._needs(flight, frozenset(lineage), set()):
                return False
            if (
                thread is not None and flight.thread == thread
            ):  # its leader cannot be at work: an interrupt ended it
                self.end(flight, ABANDONED)
                return False
            for leader in lineage:
                if leader in self._by_leader:
                    self._waits.setdefault(leader, []).append(flight)
            flight.wakes[waiter] = wake
            return True

    def _leave(self, flight: Flight, lineage: Lineage, waiter: object) -> None:
        with self._guard:
            flight.wakes.pop(waiter, None)
            for leader in lineage:
                waits = self._waits.get(leader, [])
                if flight in waits:
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
