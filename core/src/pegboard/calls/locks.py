"""Locks by key that threads and coroutines share."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from pegboard.parts.forks import after_fork
from pegboard.parts.stopping import wait_for
from pegboard.parts.wakers import new_waker

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager


class _Ticket:
    """One waiter's place in the queue of a key; `offer` says whether it still wants the lock."""

    def __init__(self, wake: Callable[[], object]) -> None:
        self._wake = wake
        self.thread = threading.get_ident()
        self.granted = False
        self.gone = False

    def offer(self) -> bool:
        if self.gone:
            return False
        self.granted = True
        return self._wake() is not False  # of an event loop that is closed: nobody waits there any more


class KeyedLocks:
    """One mutual exclusion per key, first come first served, forgotten when nobody holds or awaits it.

    A thread and a coroutine that ask for the same key exclude each other; a coroutine never blocks its loop. A forked child
    has what its one thread held; the rest is free there.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._queues: dict[object, deque[_Ticket]] = {}
        self._holders: dict[object, int] = {}  # by key, the thread that holds it
        after_fork(self._free_those_of_dead_threads)

    def hold(self, key: object, *, is_async: bool) -> AbstractAsyncContextManager[None]:
        """Return an async context manager that holds `key`; for a sync call it blocks and never suspends."""
        return self._hold_async(key) if is_async else self._hold_sync(key)

    @asynccontextmanager
    async def _hold_sync(self, key: object) -> AsyncIterator[None]:
        arrived = threading.Event()
        ticket = _Ticket(arrived.set)
        if not self._enter(key, ticket):
            try:
                wait_for(arrived)
            except BaseException:  # KeyboardInterrupt in the wait, or cancelled
                self._abandon(key, ticket)
                raise
        try:
            yield
        finally:
            self._leave(key)

    @asynccontextmanager
    async def _hold_async(self, key: object) -> AsyncIterator[None]:
        arrived, wake = new_waker()
        ticket = _Ticket(wake)
        if not self._enter(key, ticket):
            try:
                await arrived
            except BaseException:  # cancelled in the wait
                self._abandon(key, ticket)
                raise
        try:
            yield
        finally:
            self._leave(key)

    def _enter(self, key: object, ticket: _Ticket) -> bool:
        """Take the lock if it is free; else queue up and return False."""
        with self._guard:
            queue = self._queues.get(key)
            if queue is None:
                self._queues[key] = deque()
                self._holders[key] = ticket.thread
                return True
            queue.append(ticket)
            return False

    def _abandon(self, key: object, ticket: _Ticket) -> None:
        with self._guard:
            ticket.gone = True
            granted = ticket.granted
        if granted:  # it was handed over just before the waiter gave up
            self._leave(key)

    def _leave(self, key: object) -> None:
        with self._guard:
            queue = self._queues[key]
            while queue:
                ticket = queue.popleft()
                if ticket.offer():
                    self._holders[key] = ticket.thread
                    return
            del self._queues[key], self._holders[key]

    def _free_those_of_dead_threads(self) -> None:
        """In a forked child: the threads that did not come along would hold, and be handed, locks for ever."""
        self._guard = threading.Lock()
        here = threading.get_ident()
        for key, queue in list(self._queues.items()):
            self._queues[key] = deque(ticket for ticket in queue if ticket.thread == here)
            if self._holders[key] != here:
                self._leave(key)
