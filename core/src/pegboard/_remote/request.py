"""Something that a worker is to run, and which worker has it."""

from __future__ import annotations

import threading
from concurrent.futures import BrokenExecutor, Future
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pegboard._remote.worker import Worker


class WorkerLost(BrokenExecutor):  # a task raises WorkerDied in its place
    """The process that worked for a future ended before it answered; others take its place.

    Attributes:
        pid: The process.
        done: How many items of a parcel were over by then.
        wanted: Whether somebody still wanted the answer: it was not killed by us.
    """

    def __init__(self, pid: int, done: int, wanted: bool) -> None:
        super().__init__(f"worker process {pid} ended before it answered")
        self.pid = pid
        self.done = done
        self.wanted = wanted


class Request(Future[Any]):
    """A future, and what its worker is sent.

    Attributes:
        number: Its own in its executor, from 1.
        payload: The pickled `(function, args, kwargs)`.
        weight: How many runs it is to `recycle_after`.
        is_killed: Whether nobody wants its result any more.
    """

    def __init__(self, number: int, payload: bytes, weight: int) -> None:
        super().__init__()
        self.number = number
        self.payload = payload
        self.weight = weight
        self.is_killed = False
        self._is_stopped = False
        self._worker: Worker | None = None
        self._guard = threading.Lock()

    def begin(self, worker: Worker) -> bool:
        """Take note of the worker that gets it; False when nobody wants its result any more."""
        with self._guard:
            if self.is_killed:
                return False
            self._worker = worker
            if self._is_stopped:
                worker.progress.stopped = self.number
            return True

    def end(self) -> None:
        """Let go of the worker: from now on it works for others."""
        with self._guard:
            self._worker = None

    def kill(self) -> None:
        """End the worker that has it, if one does."""
        with self._guard:
            self.is_killed = True
            if self._worker is not None:
                self._worker.kill()

    def stop(self) -> None:
        """Have the worker leave out what it has not begun."""
        with self._guard:
            self._is_stopped = True
            if self._worker is not None:
                self._worker.progress.stopped = self.number
