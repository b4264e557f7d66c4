"""Ends that a signal must not cut off."""

from __future__ import annotations

import threading
from typing import NoReturn


class Ending:
    """Raises SystemExit in the main thread: at once, or when the ends that it is in are over.

    Attributes:
        status: Of the process: 128 + SIGTERM, as a shell reports it.
        has_begun: Whether the process was asked to end, and all its sessions drain.
    """

    status = 143
    has_begun = False

    def __init__(self) -> None:
        self._deep = 0
        self._is_asked = False

    def leave(self) -> None:
        """Leave the main thread; called there, by a signal handler."""
        self._is_asked = True
        if not self._deep:
            self._exit()

    def __enter__(self) -> None:
        if threading.current_thread() is threading.main_thread():
            self._deep += 1

    def __exit__(self, *_: object) -> None:
        if threading.current_thread() is threading.main_thread():
            self._deep -= 1
            if self._is_asked and not self._deep:
                self._exit()

    def _exit(self) -> NoReturn:
        self._is_asked = False
        raise SystemExit(self.status)


ENDING = Ending()
