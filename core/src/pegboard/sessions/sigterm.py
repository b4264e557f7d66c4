"""Ending well when the process is asked to end: SIGTERM, as from Kubernetes, systemd or `docker stop`."""

from __future__ import annotations

import _thread
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pegboard.errors import ConfigError
from pegboard.parts import checks
from pegboard.parts.forks import after_fork
from pegboard.privacy import loggable
from pegboard.sessions.default import DEFAULT
from pegboard.sessions.ending import ENDING
from pegboard.sessions.installing import drain_installed, uninstall_now
from pegboard.sessions.open_at_exit import OPEN_AT_EXIT

if TYPE_CHECKING:
    from types import FrameType

_MARGIN = 5.0  # of the grace, for the ends of sessions that others entered; a quarter of it at most


class Handler:
    """Takes SIGTERM. It notes the signal and wakes two threads; whatever takes time happens elsewhere.

    An end that ran inside a signal handler would wait for locks that the interrupted code holds.
    """

    def __init__(self, before: Any, grace: float) -> None:
        self._before = before
        self.grace = grace
        self._begin()
        after_fork(self._begin)

    def _begin(self) -> None:
        """Begin, in a forked child too, whose parent keeps the threads."""
        self._is_asked = ENDING.has_begun = False
        self._wakes = []
        # Both are there from the beginning: once the main thread has ended, Python 3.12 starts no thread any more.
        for watch in (_drain_all, self._end_in_time, self._exit_in_time):
            wake = _thread.allocate_lock()
            wake.acquire()
            self._wakes.append(wake)
            threading.Thread(target=_woken, args=(wake, watch), name="pegboard-sigterm", daemon=True).start()

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Have the program end; at the second signal it ends at once."""
        drain, *ends = self._wakes
        first, self._is_asked = not self._is_asked, True
        ENDING.has_begun = True
        if first:
            drain.release()
        if callable(self._before):  # its owner ends the process, and may be asked several times
            self._before(number, frame)
            return
        if not first:
            os._exit(ENDING.status)
        for wake in ends:
            wake.release()
        if threading.main_thread().is_alive():
            ENDING.leave()

    def _end_in_time(self) -> None:
        """End what nobody has ended, shortly before the time is over, and with it the process, whatever its threads do."""
        time.sleep(max(self.grace - min(_MARGIN, self.grace / 4), 0.0))
        _end_all()
        os._exit(ENDING.status)

    def _exit_in_time(self) -> None:
        """End the process when the time is over, whatever its ends do."""
        time.sleep(self.grace)
        os._exit(ENDING.status)


def _woken(wake: _thread.LockType, watch: Callable[[], None]) -> None:
    wake.acquire()
    watch()


def _drain_all() -> None:
    """Have every session drain."""
    _all_of(drain_installed, DEFAULT.drain, OPEN_AT_EXIT.drain)


def _end_all() -> None:
    """End the sessions that nobody left, then those that serve the whole process, and write what is buffered."""
    _all_of(OPEN_AT_EXIT.end, uninstall_now, DEFAULT.reset, sys.stdout.flush, sys.stderr.flush)


def _all_of(*parts: Callable[[], None]) -> None:
    for part in parts:
        try:
            part()
        except BaseException as error:  # whatever it is, SystemExit too: the others come all the same
            import logging

            logging.getLogger("pegboard").exception("an end at SIGTERM failed", exc_info=loggable(error))


def install_sigterm(grace: float = 20.0) -> None:
    """Have SIGTERM end the program in order, with status 143, instead of at once.

    `SystemExit(143)` leaves the main thread wherever it is: `finally` and `with` blocks run, sessions end, exporters send and write
    what they have. Sessions that other threads entered have until `grace` is over; those that are left then are ended, and the
    process with them. A second SIGTERM ends it at once.

    Where a handler was set before, as by a server, it is called, and ends the process as it does without this. Where SIGTERM is
    ignored, it stays so. Calling this again sets another grace.

    Args:
        grace: Seconds from the signal to the end of the process, at most. Kubernetes kills after 30.

    Raises:
        ConfigError: Called in another thread than the main one, where Python allows no signal handlers.
        ValueError: The grace is no positive number.
    """
    import signal

    grace = checks.number(above=0).check("grace", grace, owner="install_sigterm")
    if threading.current_thread() is not threading.main_thread():
        raise ConfigError(
            "install_sigterm() is called in another thread than the main one, where Python allows no signal handlers.\n"
            "Call it where the program starts.",
            where="install_sigterm",
            key="",
        )
    before = signal.getsignal(signal.SIGTERM)
    if isinstance(before, Handler):
        before.grace = grace
    elif before is not signal.SIG_IGN:
        signal.signal(signal.SIGTERM, Handler(before, grace))
