"""A thread that carries things out of the process: on demand, every so often, and a last time at the end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from queue import Empty, SimpleQueue
from typing import Literal

Ring = Literal["batch", "last"] | threading.Event

_LAST_STEPS = 0.05  # seconds for a thread to be gone that has nothing left to do


class Courier:
    """A daemon thread that works when it is rung for.

    The bell is a `SimpleQueue`: it may be rung by a finalizer or signal handler that runs in the middle of another ring.
    A `threading.Event` or a lock would deadlock there.

    Args:
        name: Of the thread.
        work: Called in the thread; told whether everything is to go, or full batches alone.
        interval: Seconds after which it works unasked.
        around: Entered by the thread, and left at its end.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[bool], None],
        interval: float,
        around: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._name = name
        self._around = around
        self._work = work
        self._interval = interval
        self._closing = False
        self._renew()

    def _renew(self) -> None:
        self._guard = threading.RLock()
        self._bell: SimpleQueue[Ring] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._has_ended = False
        self._waiters: list[threading.Event] = []

    @property
    def is_running(self) -> bool:
        """Whether there is a thread."""
        return self._thread is not None

    def start(self) -> None:
        """Start the thread, if it was not yet.

        Raises:
            RuntimeError: The process has no more threads, or is at its end.
        """
        with self._guard:
            if self._thread is None and not self._closing:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                try:
                    self._thread.start()
                except BaseException:
                    self._thread = None
                    raise

    def ring(self) -> None:
        """Ask for a round of full batches."""
        self._bell.put("batch")

    def begin_flush(self) -> Callable[[float], bool]:
        """Ask for everything to go; the answer waits so many seconds for that, and is False when it took longer."""
        if self._thread is None:
            return lambda _seconds: True
        if self._closing:
            return self.wait
        done = threading.Event()
        self._bell.put(done)
        return lambda seconds: done.wait(max(seconds, 0.0))

    def close(self) -> None:
        """Ask for everything to go and the thread to end; does not wait."""
        with self._guard:
            if not self._closing:
                self._closing = True
                self._bell.put("last")

    def wait(self, seconds: float) -> bool:
        """Wait for the end of the thread; False when it took longer.

        Every waiter has an event of its own: a signal handler may wait in the middle of another's wait, where joining the
        thread would block on the lock that the other one holds.
        """
        ended = threading.Event()
        self._waiters.append(ended)
        thread = self._thread
        if thread is None:
            return True
        if not (self._has_ended or ended.wait(max(seconds, 0.0))):
            return False
        thread.join(_LAST_STEPS)
        return True

    def forked(self) -> None:
        """Forget the thread of the parent."""
        self._renew()

    def _run(self) -> None:
        try:
            with self._around():
                self._serve(self._bell)
        finally:
            self._has_ended = True
            for waiter in list(self._waiters):
                waiter.set()

    def _serve(self, bell: SimpleQueue[Ring]) -> None:
        due = time.monotonic() + self._interval
        while True:
            ring: Ring | None
            try:
                ring = bell.get(timeout=max(due - time.monotonic(), 0.0))
            except Empty:
                ring, due = None, time.monotonic() + self._interval
            self._work(ring != "batch")
            if isinstance(ring, threading.Event):
                ring.set()
            elif ring == "last":
                return
