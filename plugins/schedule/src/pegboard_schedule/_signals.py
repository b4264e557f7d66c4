"""SIGTERM and SIGINT, for as long as a schedule serves."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def stopping_on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` on the first SIGTERM or SIGINT; the second does what it did before.

    A handler that somebody else set is called too. Only the main thread can set handlers; elsewhere nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before: dict[int, Any] = {}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)
        before.clear()

    def handle(number: int, frame: FrameType | None) -> None:
        handler = before.get(number)
        restore()
        stop()
        # The default handlers end the process or raise KeyboardInterrupt, which is what stopping takes the place of.
        if callable(handler) and handler is not signal.default_int_handler:
            handler(number, frame)

    for number in _SIGNALS:
        handler = signal.getsignal(number)
        if handler is not None:  # set by code that is not Python, which cannot be put back
            before[number] = handler
            signal.signal(number, handle)
    try:
        yield
    finally:
        restore()
