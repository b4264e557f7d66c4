"""Doing something every so many seconds, until the end."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from pegboard.parts import checks
from pegboard.parts._worker import Worker
from pegboard.parts.forks import after_fork, new_rlock
from pegboard.privacy import loggable

_log = logging.getLogger("pegboard.parts")


_EVERY = checks.seconds(above=0.0, most=threading.TIMEOUT_MAX)


class Periodic:
    """A daemon thread that calls a function every so many seconds, from `start` to `stop`.

    The first call comes after `every` seconds, and one call at a time: what takes longer than that puts the next off. What
    the function raises is logged the first time, and the calls go on. A forked child has no thread, and nothing is called
    there unless it calls `start` itself.

    Args:
        name: Of the thread.
        function: Called in the thread.
        every: Seconds from one call to the next.
        around: Makes a context manager that the thread enters at its beginning and leaves at its end. If it cannot be
            entered, that is logged, and nothing is called.

    Raises:
        TypeError, ValueError: `every` is no number of seconds above 0.
    """

    def __init__(
        self,
        name: str,
        function: Callable[[], object],
        every: float,
        *,
        around: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        _EVERY.check("every", every, owner="Periodic")
        self._name = name
        self._function = function
        self._every = every
        self._around = around
        self._has_failed = False
        self._begin_anew()
        after_fork(self._begin_anew)

    def _begin_anew(self) -> None:
        """Begin without a thread, also in a forked child: the parent's did not come along."""
        self._guard = new_rlock()
        self._worker: Worker | None = None

    def __repr__(self) -> str:
        return f"Periodic({self._name!r}, every={self._every:g})"

    @property
    def is_running(self) -> bool:
        """Whether there is a thread, and in this process."""
        return self._worker is not None and self._worker.is_running

    def start(self) -> None:
        """Start the thread; while there is one that was not stopped, nothing more.

        Raises:
            RuntimeError: The process has no more threads, or is at its end.
        """
        with self._guard:
            if self._worker is None or self._worker.is_closing:
                worker = Worker(self._name, lambda _: self._call(worker), self._every, self._around)
                before, self._worker = self._worker, worker  # before it calls what may stop it
                try:
                    worker.start()
                except BaseException:
                    worker.close(last=False)  # Ctrl-C may have left a thread that had begun all the same
                    self._worker = before
                    raise

    def begin_call(self) -> Callable[[float], bool]:
        """Have the function called now, and wait later: what is returned takes seconds, and is False when it took longer.

        Without a thread nothing is called, and nothing has to be waited for; while it is stopped, its end is.
        """
        worker = self._worker
        return (lambda _seconds: True) if worker is None else worker.begin_flush()

    def stop(self, timeout: float | None = None, *, last: bool = False) -> bool:
        """End the thread.

        Args:
            timeout: Seconds to wait for that; None is as long as it takes.
            last: Whether the function is called a last time, in the thread.

        Returns:
            Whether the thread has ended; False in the thread itself, which then ends by itself.
        """
        return self.begin_stop(last=last)(timeout)

    def begin_stop(self, *, last: bool = False) -> Callable[[float | None], bool]:
        """Do what `stop` does, and wait later; what is returned may be called again."""
        worker = self._worker
        if worker is None:
            return lambda _seconds: True
        worker.close(last=last)
        return worker.wait

    def _call(self, worker: Worker) -> None:
        try:
            if worker.could_enter:
                self._function()
        except BaseException as error:  # noqa: BLE001 - whatever a plugin raises, SystemExit too: no thread ends without a word
            if not self._has_failed:
                self._has_failed = True
                text = "%s: what it does every %g s failed; it goes on"
                _log.error(text, self._name, self._every, exc_info=loggable(error))
