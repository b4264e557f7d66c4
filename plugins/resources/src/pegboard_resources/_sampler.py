"""The process as a whole, looked at now and again."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

import attrs

from pegboard_resources._forks import watch_forks

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
        self._interval = interval
        self._guard = threading.Lock()
        self._stop: threading.Event | None = None
        self._thread: threading.Thread | None = None
        self._last: Sample | None = None
        self._spent: tuple[float, float] | None = None  # monotonic, CPU seconds
        watch_forks(self)

    def forked(self) -> None:
        """In a child process: another process, without the thread."""
        self._guard = threading.Lock()
        self._thread = None
        self._last = self._spent = None

    def start(self) -> None:
        """Take a sample and begin to take more."""
        self.take()
        if self._interval is None or self._thread is not None:
            return
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(self._stop, self._interval), name="pegboard-resources", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Take no more; returns when the thread has ended."""
        thread, self._thread = self._thread, None
        if thread is not None and self._stop is not None:
            self._stop.set()
            thread.join()

    def last(self) -> Sample:
        """Return the last sample of the thread; without one, or in a fork, a new one."""
        last, thread = self._last, self._thread
        if last is None or thread is None or not thread.is_alive():
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

    def _run(self, stop: threading.Event, interval: float) -> None:
        while not stop.wait(interval):
            try:
                self.take()
            except Exception:  # noqa: BLE001 - a process that may not look at itself any more
                _log.warning("the process can no longer be sampled", exc_info=True)
                return


def _open_files(process: Any) -> int:
    return int(process.num_fds() if hasattr(process, "num_fds") else process.num_handles())
