"""Samples as gauges, where the session has something that measures."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from pegboard.parts import after_fork, new_lock

if TYPE_CHECKING:
    from pegboard import Session
    from pegboard_resources._sampler import Sample

GAUGES: dict[str, tuple[str, Callable[[Sample], float]]] = {
    "pegboard_process_resident_memory_bytes": ("Resident memory of the process.", lambda s: s.rss),
    "pegboard_process_cpu_ratio": ("CPU in use, 1 for one core.", lambda s: s.cpu_percent / 100),
    "pegboard_process_threads": ("Threads of the process.", lambda s: s.threads),
    "pegboard_process_open_files": ("Open file descriptors of the process.", lambda s: s.open_files),
}

_LONGEST_READ = 1.0  # seconds from the first gauge to the last


class Gauges:
    """Answers for the four gauges, from one sample each time that all are read.

    A sample of its own for each would have CPU times of the moment since the gauge before.

    Args:
        source: Gives a sample.
    """

    def __init__(self, source: Callable[[], Sample]) -> None:
        self._source = source
        self._begin_anew()
        after_fork(self._begin_anew)

    def _begin_anew(self) -> None:
        """Begin without a sample, also in a forked child: another process, whose samples are its own."""
        self._guard = new_lock()
        self._sample: Sample | None = None
        self._taken = 0.0
        self._read: set[str] = set()  # gauges that have had this sample

    def publish(self, session: Session) -> None:
        """Show them in a session until it ends; doing so twice is doing it once."""
        for name, (text, _) in GAUGES.items():
            session.measure("gauge", name, text).set_function(self._reader(name))

    def _reader(self, name: str) -> Callable[[], float]:
        _, value = GAUGES[name]

        def read() -> float:
            return value(self._sample_for(name))

        return read

    def _sample_for(self, name: str) -> Sample:
        with self._guard:
            now = time.monotonic()
            if self._sample is None or name in self._read or now - self._taken > _LONGEST_READ:
                self._sample, self._taken = self._source(), now
                self._read.clear()
            self._read.add(name)
            return self._sample
