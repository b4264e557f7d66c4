"""Ending well when the process is asked to end: SIGTERM, as from Kubernetes, systemd or `docker stop`."""

from __future__ import annotations

import _thread
import atexit
import functools
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from pegboard.errors import ConfigError
from pegboard.parts import checks, forks
from pegboard.parts.contexts import context_manager
from pegboard.parts.deadlines import OF_PROCESS
from pegboard.parts.forks import after_fork
from pegboard.privacy import loggable
from pegboard.sessions.default import DEFAULT
from pegboard.sessions.ending import ENDING, is_telling
from pegboard.sessions.installing import drain_installed, uninstall_now
from pegboard.sessions.open_at_exit import OPEN_AT_EXIT
from pegboard.sessions.wakeup import Wakeup

if TYPE_CHECKING:
    from types import FrameType

GRACE = 20.0
_MARGIN = 5.0  # of the grace, for the ends; a quarter of it at most
_NEVER = float("inf")
_MOMENT, _MOMENT_MOST = 0.001, 0.05  # to wait where a signal struck while somebody was told of a call
_PATIENCE = 2.0  # with that
_LATER = 0.4  # of that: so much after others give up waiting, what they have not ended is ended
_SOON = 0.1  # in which a handler runs as a rule
_CAN_HOLD_BACK = hasattr(signal, "pthread_sigmask") and hasattr(signal, "sigpending")
_CAN_WAKE = hasattr(signal, "pthread_kill")
_ENDING: list[Handler] = []  # those that end the process themselves, maybe once a server has put them back


class Handler:
    """Takes SIGTERM. It notes the signal and wakes two threads; whatever takes time happens elsewhere.

    An end that ran inside a signal handler would wait for locks that the interrupted code holds.

    Attributes:
        before: The handler that was there.
        grace: Seconds from the signal to the end of the process.
        stop: Asks what serves in the main thread to return, instead of its being left; None where nothing serves.
        is_asked: Whether there was a signal.
    """

    def __init__(self, before: Any, grace: float) -> None:
        self.before = before
        self.grace = grace
        self.stop: Callable[[], object] | None = None
        self._comes_again = False
        _hold_back_at_forks()
        if not callable(before):
            _ENDING.append(self)
        self._begin()
        after_fork(self._begin_anew)
        atexit.register(self._let_owner_end)

    def _begin(self) -> None:
        self._process = os.getpid()
        self.is_asked = self._is_over = self._was_called = False
        self._ends = self._work = _NEVER
        self._heard = self._sent = 0
        self._is_nudged = False
        self._is_asking = self._asks_again = self._has_left = False
        self._begun = _thread.allocate_lock()
        self._wake = _thread.allocate_lock()
        self._wake.acquire()
        self._wakeup = Wakeup()
        self._hears = self._wakeup.begin()
        # Both are there from the beginning: once the main thread has ended, Python 3.12 starts no thread any more.
        for watch in (self._end_in_time, self._exit_in_time):
            threading.Thread(target=watch, name="pegboard-sigterm", daemon=True).start()

    def _begin_anew(self) -> None:
        """In a forked child: its parent keeps the threads, and is the one that was asked."""
        if self._is_over:
            return
        self._wakeup.end()
        self._wakeup.close()
        if self.is_asked:
            ENDING.has_begun = False
            OF_PROCESS.work = OF_PROCESS.ends = _NEVER
            self._mask("SIG_UNBLOCK")
        self._begin()

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Have the program end; at the second signal it ends at once."""
        if os.getpid() != self._process or (self._hears and _is_forking(frame)):
            self._comes_again = True  # SystemExit would be dropped, and a thread raises the signal anew
            return
        if self._asks_again:
            self._asks_again = False
            self._leave(frame)
            return
        first, self._was_called = not self._was_called, True
        self._begin_to_end()
        if self._is_nudged and not (first or callable(self.before)):
            self._is_nudged = False  # a thread hears of the next one, if this was not what the nudge sent
            return
        if self.stop is not None:
            self.stop()
        if callable(self.before):  # its owner ends the process, and may be asked several times
            if first:
                # Servers put back what was there before them and raise the signal again: it is to wait until sessions have ended.
                self._mask("SIG_BLOCK")
            self.before(number, frame)
        elif not first:
            os._exit(ENDING.status)
        elif self.stop is None and threading.main_thread().is_alive():
            self._leave(frame)

    def _leave(self, frame: FrameType | None) -> None:
        """Leave the main thread; a moment later where somebody who is told of a call would not hear all of it."""
        if self._has_left:
            return
        is_early = time.monotonic() < self._ends - self.grace + _PATIENCE
        if _CAN_WAKE and is_early and is_telling(frame) and self._comes_back():
            return
        self._has_left = True
        ENDING.leave(frame)

    def _comes_back(self) -> bool:
        """Have the main thread be asked again, and return whether it will be."""
        if not self._is_asking:
            try:
                _thread.start_new_thread(self._ask_until_left, ())
            except RuntimeError:  # the interpreter ends, and begins no thread any more
                return False
            self._is_asking = True
        return True

    def _ask_until_left(self) -> None:
        """Ask again and again: Python misses a signal that comes as the main thread is about to sleep."""
        pause = _MOMENT
        time.sleep(pause)
        while not self._has_left:
            self._asks_again = True
            self._send()
            time.sleep(pause)
            pause = min(pause * 2, _MOMENT_MOST)

    def _send(self) -> None:
        """Send the main thread a signal that is no new one."""
        self._sent += 1
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)

    def _begin_to_end(self) -> None:
        if not self._begun.acquire(blocking=False):
            return
        self._ends = time.monotonic() + self.grace
        self._work = self._ends - min(_MARGIN, self.grace / 4)
        if not callable(self.before):
            self._limit()
        self.is_asked = ENDING.has_begun = True
        self._go_on()
        self._wakeup.wake()

    def _go_on(self) -> None:
        try:
            self._wake.release()
        except RuntimeError:  # it goes on already
            return

    def _limit(self) -> None:
        OF_PROCESS.work, OF_PROCESS.ends = self._work, self._ends

    def _mask(self, how: str) -> None:
        if _CAN_HOLD_BACK and callable(self.before) and not _ENDING:
            signal.pthread_sigmask(getattr(signal, how), [signal.SIGTERM])

    def _let_owner_end(self) -> None:
        """At the end of the interpreter: end what serves the process, and let a signal that was held back do what it does."""
        if self.is_asked and _CAN_HOLD_BACK and signal.SIGTERM in signal.sigpending():
            _all_of(OPEN_AT_EXIT.end, *_OF_PROCESS)
            self._mask("SIG_UNBLOCK")

    def dismiss(self) -> None:
        """Be in force no more."""
        self._is_over = True
        if self in _ENDING:
            _ENDING.remove(self)
        atexit.unregister(self._let_owner_end)
        self._wakeup.end()
        self._wakeup.wake()
        self._go_on()

    @property
    def _is_in_force(self) -> bool:
        return signal.getsignal(signal.SIGTERM) is self

    @property
    def _is_in_charge(self) -> bool:
        """Whether the process is to end by this: nobody else ends it, or whoever would has put this handler away."""
        return not self._is_over and not (callable(self.before) and self._is_in_force)

    def _end_in_time(self) -> None:
        """Have all sessions drain, and end what nobody has ended in time, whatever its threads do."""
        while not self.is_asked:  # by a signal that another handler took, sessions only drain
            self._wake.acquire()
            if self._is_over:
                return
            _all_of(drain_installed, DEFAULT.drain, OPEN_AT_EXIT.drain)
        _sleep_until(self._work + (self._ends - self._work) * _LATER)
        if self._is_in_charge:
            self._limit()
            _all_of(OPEN_AT_EXIT.end_in_time, *_OF_PROCESS)

    def _exit_in_time(self) -> None:
        """End the process when the time is over, whatever its ends do; and see to it that signals are heard."""
        wakeup, is_late = self._wakeup, False
        if self._comes_again:
            time.sleep(_SOON / 10)  # until the fork is over
            if not self._nudge():
                self._begin_to_end()
        while not self._is_over:
            left = None if is_late or self._ends == _NEVER else max(self._ends - time.monotonic(), 0.0)
            try:
                if wakeup.next(left) == signal.SIGTERM:
                    self._see_to_it()
            except TimeoutError:
                is_late = True
                if self._is_in_charge:
                    os._exit(ENDING.status)
        wakeup.close()

    def _see_to_it(self) -> None:
        """Have a signal that was heard be handled, though the main thread may be in a long call, or have just fallen asleep."""
        if not self._is_in_force:
            ENDING.has_begun = True
            self._go_on()
            return
        self._heard += 1
        if self._heard == 1:
            if not (self._is_called_within(_SOON) or self._nudge()):
                self._begin_to_end()
        elif self._heard > 1 + self._sent and not callable(self.before):
            os._exit(ENDING.status)

    def _nudge(self) -> bool:
        """Wake the main thread by another signal, which counts as the same one; whether it has handled it then."""
        self._is_nudged = True
        self._send()
        return self._is_called_within(_SOON)

    def _is_called_within(self, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while not self._was_called and time.monotonic() < until:
            time.sleep(_SOON / 10)
        return self._was_called


# What ends after the sessions that somebody entered.
_OF_PROCESS = (uninstall_now, DEFAULT.reset, sys.stdout.flush, sys.stderr.flush)


def _is_forking(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code is _AtFork.let_come.__code__ or frame.f_globals.get("__name__") == forks.__name__:
            return True
        frame = frame.f_back
    return False


class _AtFork(threading.local):
    """Holds SIGTERM back from a thread that forks: Python drops signals that come to a child before it has begun."""

    def __init__(self) -> None:
        self._masks: list[Any] = []

    def hold_back(self) -> None:
        self._masks.append(signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]))

    def let_come(self) -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, self._masks.pop())


_at_fork = _AtFork()


@functools.cache
def _hold_back_at_forks() -> None:
    """From the first handler on."""
    if hasattr(os, "register_at_fork") and _CAN_HOLD_BACK:
        os.register_at_fork(
            before=_at_fork.hold_back,
            after_in_parent=_at_fork.let_come,
            after_in_child=_at_fork.let_come,
        )


def _sleep_until(moment: float) -> None:
    time.sleep(max(moment - time.monotonic(), 0.0))


def _all_of(*parts: Callable[[], object]) -> None:
    for part in parts:
        try:
            part()
        except BaseException as error:  # whatever it is, SystemExit too: the others come all the same
            import logging

            logging.getLogger("pegboard").exception("an end at SIGTERM failed", exc_info=loggable(error))


def install_sigterm(grace: float = GRACE) -> None:
    """Have SIGTERM end the program in order, with status 143, instead of at once.

    All sessions drain. `SystemExit(143)` leaves the main thread wherever it is: `finally` and `with` blocks run, sessions end,
    exporters send and write what they have. Sessions that other threads entered have until shortly before `grace` is over; those
    that are left then are ended, and at `grace` the process. A second SIGTERM ends it at once.

    Where a handler was set before, as by a server, it is called, and ends the process as it does without this; sessions only
    drain. Where SIGTERM is ignored, it stays so. Calling this again sets another grace.

    Args:
        grace: Seconds from the signal to the end of the process, at most. Kubernetes kills after 30.

    Raises:
        ConfigError: Called in another thread than the main one, where Python allows no signal handlers.
        ValueError: The grace is no positive number.
    """
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


@context_manager
def serving(stop: Callable[[], object], grace: float = GRACE) -> Iterator[None]:
    """For as long as something serves in the main thread: have SIGTERM and Ctrl-C ask it to return.

    SIGTERM means what it does after `install_sigterm()`, but that the main thread is not left: all sessions drain, and what serves
    returns when what runs is over, so that the program ends as it does without a signal; after `grace` with status 143.
    The second Ctrl-C does what it did before. A handler of somebody else's is called, too. In another thread nothing is changed.

    Args:
        stop: Called inside signal handlers, maybe several times.
        grace: As of `install_sigterm`; what that was given is in force.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with _sigterm_to(stop, grace), _ctrl_c_to(stop):
        yield


@context_manager
def _sigterm_to(stop: Callable[[], object], grace: float) -> Iterator[None]:
    found = signal.getsignal(signal.SIGTERM)
    if found is None or found is signal.SIG_IGN:  # None: of code that is not Python, and cannot be put back
        yield
        return
    handler = found if isinstance(found, Handler) else Handler(found, grace)
    around, handler.stop = handler.stop, stop
    signal.signal(signal.SIGTERM, handler)
    try:
        yield
    finally:
        handler.stop = around
        if handler is not found and (callable(found) or not handler.is_asked):
            signal.signal(signal.SIGTERM, found)
            handler.dismiss()


@context_manager
def _ctrl_c_to(stop: Callable[[], object]) -> Iterator[None]:
    before = signal.getsignal(signal.SIGINT)
    if before is None or before is signal.SIG_IGN:
        yield
        return

    def handle(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, before)
        stop()
        if callable(before) and before is not signal.default_int_handler:
            before(number, frame)

    signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is handle:
            signal.signal(signal.SIGINT, before)
