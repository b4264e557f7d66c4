"""How much memory this process holds."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable

from pegboard.parts import after_fork


def resident_memory() -> Callable[[], int]:
    """Return what reads this process's resident memory, in bytes.

    Where there is a `/proc`, that takes 2 us through a file that stays open; elsewhere psutil is asked.
    """
    try:
        return _Proc().read
    except OSError:
        return _ask_psutil


def _ask_psutil() -> int:
    import psutil  # type: ignore[import-untyped,unused-ignore]

    return int(psutil.Process().memory_info().rss)


class _Proc:
    """Reads `/proc/self/statm`, which a forked child has to open anew: it stays the parent's."""

    def __init__(self) -> None:
        self._page = os.sysconf("SC_PAGE_SIZE")
        self._file: int | None = self._open()
        after_fork(self._let_go)

    def _open(self) -> int:
        self._file = os.open("/proc/self/statm", os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        weakref.finalize(self, os.close, self._file)
        return self._file

    def _let_go(self) -> None:
        self._file = None

    def read(self) -> int:
        file = self._file
        if file is None:
            file = self._open()
        return int(os.pread(file, 128, 0).split(None, 2)[1]) * self._page
