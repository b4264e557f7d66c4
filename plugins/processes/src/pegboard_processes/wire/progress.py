"""Words that a worker shares with the process that started it: what it was given, how far it is, whether to stop."""

from __future__ import annotations

import mmap
import os
import time
from collections.abc import Callable
from contextvars import ContextVar

_DONE, _STOPPED, _ASKED, _LEAVING, _STAGE, _SINCE = range(6)
SIZE = 8 * 6
UNPACKING, AT_WORK, PACKING = range(3)  # what a worker does with what it was sent: one after another


class Progress:
    """A few numbers in memory that both processes see; without such memory, just numbers.

    Attributes:
        words: The numbers: how many items are over, and the last parcel that nobody wants any more; then what the
            properties say.
    """

    def __init__(self, descriptor: int | None = None) -> None:
        self._memory = bytearray(SIZE) if descriptor is None else mmap.mmap(descriptor, SIZE)
        self.words = memoryview(self._memory).cast("Q")

    def close(self) -> None:
        """Keep the numbers as they are, and let go of the memory and its descriptor."""
        memory, self._memory = self._memory, bytearray(self._memory)
        self.words.release()
        self.words = memoryview(self._memory).cast("Q")
        if isinstance(memory, mmap.mmap):
            memory.close()

    @property
    def done(self) -> int:
        """How many items of the present parcel are over."""
        return self.words[_DONE]

    @done.setter
    def done(self, number: int) -> None:
        self.words[_DONE] = number

    @property
    def stopped(self) -> int:
        """Number of the last parcel that nobody wants any more."""
        return self.words[_STOPPED]

    @stopped.setter
    def stopped(self, number: int) -> None:
        self.words[_STOPPED] = number

    @property
    def asked(self) -> int:
        """Number of what the worker was sent last."""
        return self.words[_ASKED]

    @asked.setter
    def asked(self, number: int) -> None:
        self.words[_ASKED] = number

    @property
    def stage(self) -> int:
        """What the worker does with it: `UNPACKING`, `AT_WORK` or `PACKING` what came of it."""
        return self.words[_STAGE]

    @property
    def since(self) -> float:
        """When the function began, on the monotonic clock in seconds; 0 before."""
        return self.words[_SINCE] / 1e9

    def unpack(self) -> None:
        """Note that what was sent is being unpacked, and nothing has begun."""
        self.words[_STAGE], self.words[_SINCE], self.words[_DONE] = UNPACKING, 0, 0

    def work(self) -> None:
        """Note that the function begins."""
        self.words[_SINCE], self.words[_STAGE] = time.perf_counter_ns(), AT_WORK

    def pack(self) -> None:
        """Note that nothing runs any more, and results are being packed."""
        self.words[_STAGE] = PACKING

    @property
    def leaving(self) -> bool:
        """Whether the worker ends after this answer."""
        return bool(self.words[_LEAVING])

    @leaving.setter
    def leaving(self, is_leaving: bool) -> None:
        self.words[_LEAVING] = is_leaving


def shared_memory() -> int:
    """Make the memory of one worker, and return its file descriptor."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("pegboard")
        os.truncate(descriptor, SIZE)
        return descriptor
    import tempfile

    with tempfile.TemporaryFile() as file:
        file.truncate(SIZE)
        return os.dup(file.fileno())


class Here:
    """What the running process is to the one that started it.

    Attributes:
        progress: The shared words; unshared ones where this process is no worker of ours.
        parcel: Number of the parcel at work.
        leaving: Whether this process was asked to end, and does so when the present item is over.
        at_end: What to do before it ends.
    """

    def __init__(self) -> None:
        self.progress = Progress()
        self.parcel = 0
        self.leaving = False
        self.at_end: list[Callable[[], object]] = []


HERE = Here()
# What a parcel is to look at instead of `HERE`, and its number there: where several are at work in one process.
progress_here: ContextVar[tuple[Progress, int] | None] = ContextVar("pegboard_progress", default=None)
