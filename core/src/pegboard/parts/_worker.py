"""A thread that works on demand, every so often, and a last time at the end."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Literal

from pegboard.parts.deadlines import time_for_end
from pegboard.parts.forks import new_lock, new_rlock
from pegboard.privacy import loggable

if TYPE_CHECKING:
    from queue import SimpleQueue

Ring = Literal["some", "last", "stop"] | threading.Event
Around = Callable[[], AbstractContextManager[object]]
Wait = Callable[[float], bool]

_LONG = threading.TIMEOUT_MAX
_LAST_STEPS = 0.05  # seconds for a thread to be gone that has nothing left to do
_log = logging.getLogger("pegboard.parts")


class Worker:
    """A daemon thread that works when it is rung for: one from its start to its end, in one process.

    The bell is a `SimpleQueue`: it may be rung by a finalizer or signal handler that runs in the middle of another ring.
    A `threading.Event` or a lock would deadlock there.

    Args:
        name: Of the thread.
        work: Called in the thread; told whether everything is to be done, or what cannot wait alone. It raises nothing.
        every: Seconds after which it works unasked.
        around: Entered by the thread, and left at its end.

    Attributes:
        could_enter: Whether `around` let the thread in, as far as is known.
        is_closing: Whether it was asked to end.
    """

    def __init__(self, name: str, work: Callable[[bool], object], every: float, around: Around) -> None:
        from queue import SimpleQueue  # here, as those who register for forks alone need none

        self.could_enter = True
        self._name = name
        self._work = work
        self._every = every
        self._around = around
        self._guard = new_rlock()
        self._claim = new_lock()
        self._bell: SimpleQueue[Ring] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._has_ended = False
        self.is_closing = False
        self._waiters: list[threading.Event] = []

    @property
    def is_started(self) -> bool:
        """Whether there is, or was, a thread."""
        return self._thread is not None

    @property
    def is_running(self) -> bool:
        """Whether there is a thread at work."""
        return self._thread is not None and not self._has_ended

    def start(self) -> None:
        """Start the thread, if it was not yet.

        Raises:
            RuntimeError: The process has no more threads, or is at its end.
        """
        with self._guard:
            if self._thread is None and not self.is_closing:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                try:
                    self._thread.start()
                except BaseException:
                    self._thread = None
                    raise

    def ring(self) -> None:
        """Ask for a round of what cannot wait."""
        self._bell.put("some")

    def begin_flush(self) -> Wait:
        """Ask for everything to be done; the answer waits so many seconds for that, and is False when it took longer."""
        if self._thread is None:
            return lambda _seconds: True
        if self.is_closing:
            return self.wait
        done = threading.Event()
        self._bell.put(done)
        return lambda seconds: not self._is_here() and done.wait(time_for_end(max(seconds, 0.0)))

    def close(self, *, last: bool = True) -> None:
        """Ask for the thread to end, after a last round unless told otherwise; does not wait."""
        with self._guard:
            if not self.is_closing:
                self.is_closing = True
                self._bell.put("last" if last else "stop")

    def wait(self, seconds: float | None) -> bool:
        """Wait for the end of the thread, without a limit for None; False when it took longer.

        Every waiter has an event of its own: a signal handler may wait in the middle of another's wait, where joining the
        thread would block on the lock that the other one holds.
        """
        ended = threading.Event()
        self._waiters.append(ended)
        thread = self._thread
        if thread is None:
            return True
        if self._is_here():
            return False
        most = max(_LONG if seconds is None else seconds, 0.0)
        if not (self._has_ended or ended.wait(time_for_end(most))):
            return False
        thread.join(None if seconds is None else _LAST_STEPS)
        return True

    def _is_here(self) -> bool:
        """Whether the thread itself asks, which would wait for itself."""
        return self._thread is threading.current_thread()

    def _run(self) -> None:
        if not self._claim.acquire(
            blocking=False
        ):  # Ctrl-C left a start that had begun a thread all the same
            return
        try:
            with contextlib.ExitStack() as stack:
                try:
                    stack.enter_context(self._around())
                except Exception as error:  # noqa: BLE001 - whatever cannot be opened
                    self.could_enter = False
                    told = loggable(error)
                    _log.error("%s: what its thread needs cannot be opened", self._name, exc_info=told)
                self._serve(self._bell)
        except SystemExit as error:  # Python says nothing of a thread that this ends
            _log.error("%s: its thread was made to exit", self._name, exc_info=loggable(error))
        finally:
            self._has_ended = True
            for waiter in list(self._waiters):
                waiter.set()

    def _serve(self, bell: SimpleQueue[Ring]) -> None:
        from queue import Empty

        due = time.monotonic() + self._every
        while True:
            ring: Ring | None
            try:
                ring = bell.get(timeout=max(due - time.monotonic(), 0.0))
            except Empty:
                ring, due = None, time.monotonic() + self._every
            if ring == "stop":
                return
            self._work(ring != "some")
            if isinstance(ring, threading.Event):
                ring.set()
            elif ring == "last":
                return
