"""Locks by key that threads and coroutines share."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from pegboard.parts.contexts import async_context_manager
from pegboard.parts.forks import after_fork, new_lock
from pegboard.parts.stopping import wait_for
from pegboard.parts.wakers import new_waker

if TYPE_CHECKING:
    from pegboard.calls.call import Call


class _Ticket:
    """One call's place in the queue of a key, and afterwards its hold; `offer` says whether it still wants the lock."""

    def __init__(self, call: Call, wake: Callable[[], object]) -> None:
        self._wake = wake
        self.call = call
        self.thread = threading.get_ident()
        self.granted = False
        self.gone = False

    def offer(self) -> bool:
        if self.gone:
            return False
        self.granted = True
        if self._wake() is False:  # of an event loop that is closed: nobody waits there any more
            self.granted = False
        return self.granted


class KeyedLocks:
    """One mutual exclusion per key, first come first served, forgotten when nobody holds or awaits it.

    A thread and a coroutine that ask for the same key exclude each other; a coroutine never blocks its loop. A forked child
    has what its one thread held; the rest is free there.
    """

    def __init__(self) -> None:
        self._guard = new_lock()
        self._queues: dict[object, deque[_Ticket]] = {}
        self._holders: dict[object, _Ticket] = {}
        after_fork(self._free_those_of_dead_threads)

    @async_context_manager
    async def hold(self, key: object, call: Call) -> AsyncIterator[None]:
        """Hold `key` for a call; that of a sync one blocks and never suspends."""
        event = threading.Event()
        arrived, wake = new_waker() if call.is_async else (None, event.set)
        ticket = _Ticket(call, wake)
        if not self._enter(key, ticket):
            try:
                if arrived is None:
                    wait_for(event)
                else:
                    await arrived
            except BaseException:  # KeyboardInterrupt in the wait, or cancelled
                self._abandon(key, ticket)
                raise
        try:
            yield
        finally:
            self._leave(key, ticket)

    def give_back(self, call: Call) -> None:
        """Give back what a call holds or waits for that was cut off: a Ctrl-C may have come before it could do so itself."""
        with self._guard:
            held = [(key, ticket) for key, ticket in self._holders.items() if ticket.call is call]
            for ticket in [ticket for queue in self._queues.values() for ticket in queue]:
                ticket.gone = ticket.gone or ticket.call is call
        for key, ticket in held:
            self._leave(key, ticket)

    def _enter(self, key: object, ticket: _Ticket) -> bool:
        """Take the lock if it is free; else queue up and return False."""
        with self._guard:
            if key in self._holders:
                self._queues.setdefault(key, deque()).append(ticket)
                return False
            self._holders[key] = ticket
            return True

    def _abandon(self, key: object, ticket: _Ticket) -> None:
        with self._guard:
            ticket.gone = True
        self._leave(key, ticket)  # where it was handed over just before the waiter gave up

    def _leave(self, key: object, ticket: _Ticket) -> None:
        """Hand the lock on, if this one holds it."""
        with self._guard:
            if self._holders.get(key) is ticket:
                self._hand_on(key)

    def _hand_on(self, key: object) -> None:
        """Hand the lock to the first who still wants it; where that is cut off, it can be done again."""
        queue = self._queues.get(key, ())
        while queue:
            if (ticket := queue[0]).offer():
                self._holders[key] = ticket
                queue.popleft()
                return
            queue.popleft()
        self._queues.pop(key, None)
        self._holders.pop(key, None)

    def _free_those_of_dead_threads(self) -> None:
        """In a forked child: the threads that did not come along would hold, and be handed, locks for ever."""
        self._guard = new_lock()
        here = threading.get_ident()
        for key, queue in list(self._queues.items()):
            self._queues[key] = deque(ticket for ticket in queue if ticket.thread == here)
        for key, ticket in list(self._holders.items()):
            if ticket.thread != here:
                self._hand_on(key)
