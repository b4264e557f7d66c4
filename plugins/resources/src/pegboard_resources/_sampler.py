"""The process as a whole, looked at now and again."""

from __future__ import annotations

import logging
import time
from typing import Any

import attrs

from pegboard.parts import Periodic, after_fork, new_lock
from pegboard.privacy import loggable

_log = logging.getLogger("pegboard.resources")


@attrs.frozen
class Sample:
    """This process at one moment; not the machine, and not its child processes.

    Attributes:
        time: When, seconds since the Unix epoch, UTC.
        rss: Resident memory, bytes.
        cpu_percent: CPU time since the sample before, in percent of one core; over 100 with several threads. 0.0 for the first.
        threads: Number of threads.
        open_files: Number of file descriptors, sockets and pipes included (handles on Windows).
    """

    time: float
    rss: int
    cpu_percent: float
    threads: int
    open_files: int


class Sampler:
    """Keeps the last sample, taken by a daemon thread.

    Args:
        interval: Seconds between samples; None samples when asked only.
    """

    def __init__(self, interval: float | None) -> None:
        self._periodic = (
            None if interval is None else Periodic("pegboard-resources", self._take_or_stop, interval)
        )
        self._begin_anew()
        after_fork(self._begin_anew)

    def _begin_anew(self) -> None:
        """Begin without a sample, also in a forked child: another process, without the thread."""
        self._guard = new_lock()
        self._last: Sample | None = None
        self._spent: tuple[float, float] | None = None  # monotonic, CPU seconds

    def start(self) -> None:
        """Take a sample and begin to take more."""
        self.take()
        if self._periodic is not None:
            self._periodic.start()

    def stop(self) -> None:
        """Take no more; returns when the thread has ended."""
        if self._periodic is not None:
            self._periodic.stop()

    def last(self) -> Sample:
        """Return the last sample of the thread; without one, or in a fork, a new one."""
        last, periodic = self._last, self._periodic
        if last is None or periodic is None or not periodic.is_running:
            return self.take()
        return last

    def take(self) -> Sample:
        """Look at the process now."""
        import psutil  # type: ignore[import-untyped,unused-ignore]

        process = psutil.Process()
        with self._guard, process.oneshot():
            times = process.cpu_times()
            used, now = times.user + times.system, time.monotonic()
            before, self._spent = self._spent, (now, used)
            percent = 0.0
            if before is not None and now > before[0]:
                percent = max(100.0 * (used - before[1]) / (now - before[0]), 0.0)
            self._last = Sample(
                time=time.time(),
                rss=process.memory_info().rss,
                cpu_percent=percent,
                threads=process.num_threads(),
                open_files=_open_files(process),
            )
            return self._last

    def _take_or_stop(self) -> None:
        try:
            self.take()
        except Exception as error:  # noqa: BLE001 - a process that may not look at itself any more
            _log.warning("the process can no longer be sampled", exc_info=loggable(error))
            self.stop()


def _open_files(process: Any) -> int:
    return int(process.num_fds() if hasattr(process, "num_fds") else process.num_handles())
