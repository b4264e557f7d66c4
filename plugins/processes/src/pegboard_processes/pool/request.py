"""Something that a worker is to run, and which worker has it."""

from __future__ import annotations

from concurrent.futures import BrokenExecutor, Future
from typing import TYPE_CHECKING, Any

from pegboard.parts import new_lock
from pegboard_processes.pool.worker import Worker

if TYPE_CHECKING:
    from pegboard_processes.pool.starting import StartMethod


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
        self._guard = new_lock()

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


_SENDINGS_MOST = 3


class WorkerSlot:
    """Holds one worker, for one thread at a time.

    Args:
        method: How a worker is started.
        most: After so many runs it is replaced; None never does.
    """

    def __init__(self, method: StartMethod, most: int | None) -> None:
        self._method = method
        self._most = most
        self._worker: Worker | None = None
        self._runs = 0

    def ask(self, request: Request, seconds: float | None) -> bytes:
        """Have the worker run something, and return its answer.

        What a worker did not begin before it ended is sent to the next one.

        Raises:
            WorkerLost: The worker ended without an answer, or was killed after `seconds`.
        """
        sendings = 0
        while True:
            worker = self._ready()
            if not request.begin(worker):
                break
            try:
                answer = self._exchange(worker, request, seconds)
            except (EOFError, OSError):
                answer = None
            except BaseException:  # KeyboardInterrupt
                self._drop(worker)
                raise
            finally:
                request.end()
            if answer is not None:
                return answer
            self._drop(worker)
            sendings += 1
            begun = worker.progress.begun == request.number
            if request.is_killed or begun or sendings == _SENDINGS_MOST:
                break
        raise WorkerLost(worker.pid, worker.progress.done, not request.is_killed)

    def _exchange(self, worker: Worker, request: Request, seconds: float | None) -> bytes | None:
        worker.progress.done = 0
        worker.send(request.number, request.payload)
        answer = worker.receive(seconds)
        request.is_killed |= answer is None
        return answer

    def _ready(self) -> Worker:
        if self._worker is not None and self._worker.is_gone:
            self.let_go()
        if self._worker is None:
            self._worker, self._runs = Worker(self._method), 0
        return self._worker

    def _drop(self, worker: Worker) -> None:
        worker.kill()
        self.let_go()

    def used(self, runs: int) -> None:
        """Count runs, and end the worker when they are enough."""
        self._runs += runs
        if self._most is not None and self._runs >= self._most:
            self.let_go()

    def dismiss(self) -> None:
        """Have the worker end by itself, and do not wait for it yet."""
        if self._worker is not None:
            self._worker.dismiss()

    def let_go(self) -> None:
        """End the worker, and wait until it is gone."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.close()
