"""A lock on a key among processes that share a store: one of them computes its value."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

from pegboard.clock import SYSTEM_CLOCK
from pegboard.parts import new_lock, stopping

if TYPE_CHECKING:
    from pegboard import Call
    from pegboard.clock import Clock
    from pegboard_cache._report import Report
    from pegboard_cache._store import Entry, Store

Find = Callable[[str], "Entry | None"]
_PAUSE_FIRST, _PAUSE_MOST, _PAUSE_GROWTH = 0.002, 0.05, 1.5


class Lease(Protocol):
    """The right to compute one key, until it is released or its process ends."""

    def release(self) -> None:
        """Let the next process in."""


LeaseOf = Callable[[str], Lease | None]


class LeaseRequest:
    """One call's request for a lease, which can be cancelled at any time, even while a thread is asking for it."""

    def __init__(self, lease_of: LeaseOf, key: str) -> None:
        self._lease_of = lease_of
        self._key = key
        self._guard = new_lock()
        self._lease: Lease | None = None
        self._cancelled = False

    def try_acquire(self) -> bool:
        """Ask for the lease; say whether it is held."""
        lease = self._lease_of(self._key)
        if lease is None:
            return False
        with self._guard:
            if not self._cancelled:
                self._lease = lease
                return True
        lease.release()
        return False

    def cancel(self) -> None:
        """Give the lease back, and ask for none any more; also more than once."""
        with self._guard:
            self._cancelled = True
            lease, self._lease = self._lease, None
        if lease is not None:
            lease.release()


def pauses() -> Iterator[float]:
    """Seconds from one question to the next: short at first, for values that are made quickly."""
    seconds = _PAUSE_FIRST
    while True:
        yield seconds
        seconds = min(seconds * _PAUSE_GROWTH, _PAUSE_MOST)


class ProcessLock:
    """The lock of one call on one key.

    What goes wrong with the lock is counted and logged once, and the call goes on as without it.
    """

    def __init__(
        self, request: LeaseRequest, find: Callable[[], Entry | None], store: Store, report: Report
    ) -> None:
        self._request = request
        self._find = find
        self._store = store
        self._report = report

    async def acquire(self, call: Call) -> Entry | None:
        """Wait until this process holds the lock: None; or until another one has kept the value: its entry."""
        entry: Entry | None
        for pause in pauses():
            held, entry = await call.io(self._try)
            if held or entry is not None:
                return entry
            await _pause(call, pause)
        raise AssertionError("pauses never end")

    def release(self) -> None:
        """Let the next process in; also more than once."""
        try:
            self._request.cancel()
        except Exception as error:  # noqa: BLE001 - the store's failure is not the task's; the lease ends by itself
            self._report.failed("unlock", self._store, error)

    def _try(self) -> tuple[bool, Entry | None]:
        """Ask for the lease, and look once more: its last holder may have kept a value since."""
        try:
            held = self._request.try_acquire()
        except Exception as error:  # noqa: BLE001 - as above
            self._report.failed("lock", self._store, error)
            return True, None
        return held, self._find()


def process_locks(
    lease_of: LeaseOf, find: Find, store: Store, report: Report
) -> Callable[[str], ProcessLock]:
    """Make the function that gives each call that runs a key its lock."""

    def lock_of(key: str) -> ProcessLock:
        return ProcessLock(LeaseRequest(lease_of, key), lambda: find(key), store, report)

    return lock_of


async def _pause(call: Call, seconds: float) -> None:
    """Let other processes work: they live in real time, whatever the session's clock says."""
    await call.io(stopping.sleep, SYSTEM_CLOCK, seconds, afn=_asleep)


async def _asleep(clock: Clock, seconds: float) -> None:
    await clock.asleep(seconds)
