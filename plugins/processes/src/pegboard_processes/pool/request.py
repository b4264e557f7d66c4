"""Something that a worker is to run, and which worker has it."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Future
from typing import TYPE_CHECKING, Any

from pegboard.parts import new_lock
from pegboard_processes.pool.worker import Worker
from pegboard_processes.wire.errors import said
from pegboard_processes.wire.progress import AT_WORK, UNPACKING

if TYPE_CHECKING:
    from pegboard_processes.pool.starting import StartMethod


class WorkerLost(BrokenExecutor):  # a task raises WorkerDied in its place
    """The process that worked for a future ended before it answered; others take its place.

    Attributes:
        pid: The process.
        at: Position of the item of a parcel that it was at; None where that is not known, as it was unpacking or packing.
        wanted: Whether somebody still wanted the answer: it was not killed by us.
    """

    def __init__(self, pid: int, at: int | None, wanted: bool) -> None:
        super().__init__(f"worker process {pid} ended before it answered")
        self.pid = pid
        self.at = at
        self.wanted = wanted


class NotStarted(BrokenExecutor):  # a task raises WorkerDied in its place
    """No process could be started to work for a future: nothing of it ran.

    Attributes:
        tries: How many were tried in a row.
        reason: How the last one ended.
    """

    def __init__(self, tries: int, reason: str) -> None:
        super().__init__(f"no worker process could be started, {tries} times in a row: {reason}")
        self.tries = tries
        self.reason = reason


class _Condition(threading.Condition):
    """One that an interrupt (Ctrl-C) never leaves locked: `with` calls the lock itself, and no function of Python's."""

    _lock: Any
    __enter__ = property(lambda self: self._lock.__enter__)
    __exit__ = property(lambda self: self._lock.__exit__)


class Request(Future[Any]):
    """A future, and what its worker is sent.

    Attributes:
        number: Its own in its executor, from 1.
        payload: The pickled `(function, args, kwargs)`.
        weight: How many runs it is to `recycle_after`.
        seconds: How long the function may take, from where it begins; or None.
        until: When everything has to be over, on the monotonic clock; or None.
        is_killed: Whether nobody wants its result any more.
    """

    def __init__(
        self, number: int, payload: bytes, weight: int, seconds: float | None, until: float | None
    ) -> None:
        super().__init__()
        self._condition = _Condition()
        self.number = number
        self.payload = payload
        self.weight = weight
        self.seconds = seconds
        self.until = until
        self.is_killed = False
        self._is_stopped = False
        self._worker: Worker | None = None
        self._guard = new_lock()

    def wait(self, seconds: float | None) -> bool:
        """Wait until it is over, so long at most; whether it is."""
        over = threading.Lock()
        over.acquire()
        self.add_done_callback(lambda _: over.release())
        return over.acquire(timeout=-1 if seconds is None else seconds)

    @property
    def is_over(self) -> bool:
        """Whether nobody wants its result any more, or its time is up."""
        self.is_killed |= self.until is not None and time.perf_counter() > self.until
        return self.is_killed

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
_STARTS_MOST = 10
_START_AGAIN_SECONDS = 0.01
_START_AGAIN_MOST = 0.5
_STARTS_BESIDE_OTHERS = 3
_SICK_SECONDS = 1.0


class WorkerSlot:
    """Holds one worker, for one thread at a time.

    Args:
        method: How a worker is started.
        most: After so many runs it is replaced; None never does.
        others: Tells whether another slot has a worker, so that what this one cannot do is not lost.
    """

    def __init__(self, method: StartMethod, most: int | None, others: Callable[[WorkerSlot], bool]) -> None:
        self._method = method
        self._others = others
        self._most = most
        self._worker: Worker | None = None
        self._runs = 0
        self._failed_starts = 0
        self._failed_at = 0.0
        self._is_waiting = True  # the worker, for something to do
        self._holder: weakref.ref[Request] | None = None

    def take(self, request: Request) -> None:
        """Note for whom it is taken."""
        self._holder = weakref.ref(request)

    def give(self, request: Request) -> bool:
        """Have it free again; False when it was by then."""
        if self._holder is None or self._holder() is not request:
            return False
        self._holder = None
        return True

    @property
    def is_used(self) -> bool:
        """Whether whoever took it still needs it."""
        request = None if self._holder is None else self._holder()
        return request is not None and not request.done()

    @property
    def has_worker(self) -> bool:
        """Whether a process has been started here, and was not given up."""
        return self._worker is not None

    @property
    def is_sick(self) -> bool:
        """Whether no worker could be started just now."""
        return self._failed_starts > 0 and time.perf_counter() < self._failed_at + _SICK_SECONDS

    def ask(self, request: Request) -> bytes:
        """Have the worker run something, and return its answer.

        What a worker did not begin before it ended is sent to the next one.

        Raises:
            WorkerLost: The worker ended without an answer, or was killed as its time was up.
            NotStarted: There is no worker, and none can be started.
        """
        sendings = 0
        while True:
            worker = self._ready(request)
            if worker is None or not request.begin(worker):
                raise WorkerLost(0, None, wanted=False)
            answer = self._exchange(worker, request)
            if answer is not None:
                return answer
            sendings += 1
            progress = worker.progress
            unpacked = progress.stage != UNPACKING
            if request.is_killed or unpacked or sendings == _SENDINGS_MOST:
                at = progress.done if progress.stage == AT_WORK else None
                raise WorkerLost(worker.pid, at, wanted=not request.is_killed)

    def _exchange(self, worker: Worker, request: Request) -> bytes | None:
        """Return the worker's answer; None when it ended instead, or was ended as its time is up."""
        answer = None
        self._is_waiting = False
        try:
            worker.send(request.number, request.payload)
            answer = worker.receive(request.seconds, request.until)
            self._is_waiting = answer is not None
            request.is_killed |= answer is None
        except (EOFError, OSError):
            pass
        finally:  # also of a KeyboardInterrupt, or where the answer does not fit into memory
            request.end()
            if answer is None:
                self._drop(worker)
        return answer

    def _ready(self, request: Request) -> Worker | None:
        """Return a worker that waits; None when nobody wants the request any more."""
        if self._worker is not None and not self._is_waiting:
            # An interrupt left it with something to do: its answer is another request's.
            self._drop(self._worker)
        elif self._worker is not None and self._worker.is_gone:
            self.let_go()
        pause = _START_AGAIN_SECONDS
        while self._worker is None:
            failure = self._start()
            if failure is not None:
                most = _STARTS_BESIDE_OTHERS if self._others(self) else _STARTS_MOST
                if self._failed_starts >= most:
                    raise NotStarted(self._failed_starts, failure)
                time.sleep(pause)
                pause = min(2 * pause, _START_AGAIN_MOST)
                if request.is_over:
                    return None
        return self._worker

    def _start(self) -> str | None:
        """Start a worker; return what is in the way, if something is."""
        try:
            self._worker, self._runs, self._is_waiting = Worker(self._method), 0, True
        except (EOFError, OSError, RuntimeError, MemoryError) as error:  # killed, or there is no room for it
            self._failed_starts += 1
            self._failed_at = time.perf_counter()
            return said(error)
        self._failed_starts = 0
        return None

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
