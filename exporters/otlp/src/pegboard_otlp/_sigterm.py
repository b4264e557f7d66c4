"""A process that is told to end sends what it has first."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

from pegboard import ConfigError
from pegboard_otlp._delivery import live_deliveries

_EXIT = 128 + signal.SIGTERM


class _Handler:
    """Flushes, calls the handler that was there before, and ends the program."""

    def __init__(self, before: Any) -> None:
        self._before = before

    def __call__(self, number: int, frame: FrameType | None) -> None:
        waits = [delivery.begin_flush() for delivery in live_deliveries()]
        for wait in waits:
            wait()
        if callable(self._before):
            self._before(number, frame)
        raise SystemExit(_EXIT)


def install_sigterm() -> None:
    """Make SIGTERM send what the open sessions have, and end the program with status 143.

    Without it the process ends at once on SIGTERM, as Python's own default is, and nothing is sent. On the signal, what has
    ended is sent first, within `flush_timeout`; then a handler that was installed before is called; then `SystemExit(143)`
    leaves the main thread wherever it is, so `finally` blocks run and sessions end, and with them the calls in progress.
    Calling it again changes nothing.

    An event loop's `add_signal_handler(SIGTERM, ...)` takes its place: call `OTLP.flush` in that one.

    Raises:
        ConfigError: Called in another thread than the main one, where Python allows no signal handlers.
    """
    if threading.current_thread() is not threading.main_thread():
        raise ConfigError(
            "install_sigterm() is called in another thread than the main one, where Python allows no signal handlers.\n"
            "Call it where the program starts.",
            where="install_sigterm",
            key="",
        )
    before = signal.getsignal(signal.SIGTERM)
    if not isinstance(before, _Handler):
        signal.signal(signal.SIGTERM, _Handler(before))
