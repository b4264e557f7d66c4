"""The loop that waits for what is due, in a thread of its own or in the caller's."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from pegboard.clock import SystemClock
from pegboard.parts import after_fork, new_lock, time_for_work
from pegboard.privacy import loggable
from pegboard_schedule._errors import ScheduleError
from pegboard_schedule._launch import inside_a_run

if TYPE_CHECKING:
    from pegboard.clock import Clock

_log = logging.getLogger("pegboard.schedule")

# How long a wait may be without a look at the clock on the wall, which may have been set meanwhile.
LOOK = 10.0


class Loop:
    """Calls `turn`, which returns how long to wait for the next, until it is told to stop; then `drain`.

    Attributes:
        is_parents: Whether it ran in the process that this one was forked from.
    """

    def __init__(self, clock: Clock, turn: Callable[[], float | None], drain: Callable[[], None]) -> None:
        self._clock = clock
        self._turn = turn
        self._drain = drain
        self._clock_jumps = False
        self.is_parents = False
        self._renew()
        after_fork(self._begin_anew)

    def _begin_anew(self) -> None:
        """In a forked child: what loops is the parent's."""
        self.is_parents = self.is_parents or self.is_running
        self._renew()

    def _renew(self) -> None:
        """Begin without a thread."""
        # Its `put` may be called in a signal handler, at any point of its own `get`; an Event's `set` may not.
        self._wake: SimpleQueue[None] = SimpleQueue()
        self._guard = new_lock()
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()
        self._ended.set()

    @property
    def is_running(self) -> bool:
        """Whether the loop runs, or drains."""
        return not self._ended.is_set()

    def run(self, around: AbstractContextManager[None]) -> None:
        """Loop in this thread, inside of `around`.

        Raises:
            ScheduleError: It runs already.
        """
        self._begin()
        self._thread = threading.current_thread()
        self._run(around, self._turn)

    def start(self) -> None:
        """Loop in a thread; nothing happens if one does already."""
        if self.is_running:
            return
        self._begin()
        self._thread = threading.Thread(
            target=self._run, args=[nullcontext(), self._turn_safely], name="pegboard-schedule", daemon=True
        )
        self._thread.start()

    def ask_to_stop(self) -> None:
        """Let the loop end after what it is at; may be called in a signal handler."""
        self._stopping = True
        self._wake.put(None)

    def stop(self) -> None:
        """Let the loop end, and wait until it has; what it runs itself does not wait, as it would for itself."""
        self.ask_to_stop()
        if not inside_a_run() and threading.current_thread() is not self._thread:
            self._ended.wait(time_for_work())

    def wake(self) -> None:
        """Let it look again at what is due first."""
        if self.is_running and self._wake.empty():
            self._wake.put(None)

    def _begin(self) -> None:
        with self._guard:
            if self.is_running:
                raise ScheduleError(
                    "the schedule runs already, in another thread or after start(). stop() ends that first."
                )
            self._ended.clear()
            self._stopping = False

    def _turn_safely(self) -> float | None:
        """Take a turn in a thread whose end nobody would notice."""
        try:
            return self._turn()
        except BaseException as error:  # noqa: BLE001 - whatever it is: the entries have nobody else
            _log.error("a turn of the schedule failed; it goes on in a second", exc_info=loggable(error))
            return 1.0

    def _run(self, around: AbstractContextManager[None], turn: Callable[[], float | None]) -> None:
        try:
            with around:
                try:
                    while not self._stopping:
                        self._wait(turn())
                finally:
                    self._drain()
        finally:
            self._ended.set()

    def _wait(self, seconds: float | None) -> None:
        seconds = LOOK if seconds is None else seconds
        if seconds <= 0:
            return
        if not isinstance(self._clock, SystemClock):
            if not self._stopping:
                self._sleep(seconds)
            return
        try:
            self._wake.get(timeout=min(seconds, LOOK))
        except Empty:
            pass

    def _sleep(self, seconds: float) -> None:
        """Sleep by the clock: all at once where that takes no time, so that years of a fake clock are short."""
        begun = time.monotonic()
        self._clock.sleep(seconds if self._clock_jumps else min(seconds, LOOK))
        self._clock_jumps = time.monotonic() - begun < min(seconds, LOOK) / 2
