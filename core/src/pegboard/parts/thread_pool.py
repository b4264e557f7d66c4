"""A pool of threads whose workers never wait for what nobody has begun, and that a Ctrl-C leaves whole."""

from __future__ import annotations

import _thread
import atexit
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Executor, Future
from operator import attrgetter
from queue import Empty, SimpleQueue
from typing import Any

from pegboard.parts.awaiting import loop_runs_here
from pegboard.parts.forks import after_fork, new_lock

_PATIENCE = 1.0  # seconds in which a thread is expected to start


class _WholeCondition(threading.Condition):
    """A condition that is entered and left by one call of C: `Condition` is by Python, where a Ctrl-C may keep the lock."""

    __enter__ = property(attrgetter("_lock.__enter__"))
    __exit__ = property(attrgetter("_lock.__exit__"))


class Result(Future[Any]):
    """A future that a Ctrl-C in whoever waits for it leaves whole."""

    def __init__(self) -> None:
        super().__init__()
        self._condition.__class__ = _WholeCondition


class Submission(Result):
    """What was submitted to a pool: who takes it first runs it, one of the workers, or a worker that waits for it."""

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        super().__init__()
        self._work = function, args, kwargs
        self._waiters = _Waiters(self)

    def take_back(self) -> bool:
        """Keep others from running it; whether nobody had begun."""
        return self.__dict__.pop("_work", None) is not None

    def run(self) -> None:
        """Run it here, unless somebody has begun it or it was cancelled."""
        work = self.__dict__.pop("_work", None)  # at once, so only one gets it
        if work is None or not self.set_running_or_notify_cancel():
            return
        function, args, kwargs = work
        try:
            value = function(*args, **kwargs)
        except BaseException as error:  # noqa: BLE001 - the future carries it
            self.set_exception(error)
        else:
            self.set_result(value)

    def result(self, timeout: float | None = None) -> Any:
        """Return what the function returned; a worker of a pool that waits without end runs it if nobody has begun it."""
        if timeout is None and _may_help():
            self.run()
        return super().result(timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Return what the function raised, or None; see `result`."""
        if timeout is None and _may_help():
            self.run()
        return super().exception(timeout)


class _Waiters(list[Any]):
    """Those who wait for a submission by `concurrent.futures.wait` or `as_completed`; a worker is made to help."""

    def __init__(self, submission: Submission) -> None:
        super().__init__()
        self._submission = weakref.ref(submission)

    def append(self, waiter: Any) -> None:
        super().append(waiter)
        submission = self._submission()
        if submission is not None and _may_help():
            if not isinstance(waiter.event, _HelpingEvent):
                waiter.event = _HelpingEvent(waiter.event)
            waiter.event.helps_with.append(submission)


class _HelpingEvent:
    """Stands in for the event that a waiter waits on: what is waited for, and nobody has begun, is run first."""

    def __init__(self, event: threading.Event) -> None:
        self._event = event
        self.helps_with: list[Submission] = []
        self.set, self.clear, self.is_set = event.set, event.clear, event.is_set

    def wait(self, timeout: float | None = None) -> bool:
        if timeout is None:
            for submission in self.helps_with:
                if self._event.is_set():
                    break
                submission.run()
        return self._event.wait(timeout)


class ThreadPool(Executor):
    """An executor of threads of this process, started as they are needed.

    A function in it may submit to it and wait, to any depth: a worker that waits runs what nobody has begun.

    Attributes:
        workers: How many functions run at once.
    """

    runs_here = True

    def __init__(self, workers: int, name: str) -> None:
        self.workers = workers
        self._name = name
        self._inbox: SimpleQueue[Submission | None] = SimpleQueue()
        self._guard = new_lock()
        self._threads: list[threading.Thread] = []
        self._idle: list[None] = []  # one for each thread that waits and is not claimed
        self._closed = False
        _shared.pools.add(self)

    @property
    def queue_depth(self) -> int:
        """How many functions wait for a worker."""
        return self._inbox.qsize()

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Submission:
        """Have a worker run the function.

        Raises:
            RuntimeError: The pool was shut down.
        """
        if self._closed:
            raise RuntimeError("cannot submit to a pool that was shut down")
        submission = Submission(function, args, kwargs)
        self._inbox.put(submission)
        try:
            self._idle.pop()
        except IndexError:
            if len(self._threads) < self.workers:
                _have_started(self._start_one)
        return submission

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more, and end the threads when all is done."""
        with self._guard:
            if not self._closed:
                self._closed = True
                if cancel_futures:
                    self._cancel_all()
                self._inbox.put(None)
            threads = list(self._threads)
        if not threads and self._inbox.qsize() > 1:  # an interrupt kept the first one from being started
            self._start_or_serve()
        if wait:
            for thread in threads:
                if thread is not threading.current_thread():
                    thread.join()

    def _cancel_all(self) -> None:
        while True:
            try:
                submission = self._inbox.get_nowait()
            except Empty:
                return
            if submission is not None:
                submission.cancel()

    def _start_or_serve(self) -> None:
        thread = threading.Thread(target=self._serve, name=self._name, daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the interpreter is ending
            self._serve()
        else:
            thread.join()

    def _start_one(self) -> None:
        """Start a thread, if there may be one more."""
        with self._guard:
            if len(self._threads) < self.workers and not self._closed:
                self._start_thread()

    def _start_thread(self) -> None:
        name = f"{self._name}_{len(self._threads)}"
        thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _serve(self) -> None:
        ident = threading.get_ident()
        _shared.executor_of_thread[ident] = self
        try:
            while (submission := self._next()) is not None:
                submission.run()
                del submission
            self._inbox.put(None)  # for the next of the threads
        finally:
            _shared.executor_of_thread.pop(ident, None)

    def _next(self) -> Submission | None:
        try:
            return self._inbox.get_nowait()
        except Empty:
            self._idle.append(None)
            return self._inbox.get()


class _Shared:
    """What the pools of this process share: who they are, and which thread is whose."""

    def __init__(self) -> None:
        self._begin_anew()
        after_fork(self._begin_anew)

    def _begin_anew(self) -> None:
        """Begin without threads, also in a forked child: those of its parent did not come along."""
        self.pools: weakref.WeakSet[ThreadPool] = weakref.WeakSet()
        self.executor_of_thread: dict[int, Executor] = {}

    def finish_at_exit(self) -> None:
        """Finish what was submitted to pools that nobody ended, as the standard library's do."""
        for pool in list(self.pools):
            pool.shutdown()


_shared = _Shared()
try:
    threading._register_atexit(_shared.finish_at_exit)  # type: ignore[attr-defined]
except RuntimeError:  # the main thread has ended, and the threads that began before go on
    atexit.register(_shared.finish_at_exit)


def _have_started(start: Callable[[], None]) -> None:
    """Have a thread started, and let it begin.

    From the main thread by way of another one, that is of C and lives no longer: a Ctrl-C in `Thread.start` would leave half a
    thread.
    """
    if threading.current_thread() is not threading.main_thread():
        start()
        return
    begun = threading.Lock()
    begun.acquire()
    _thread.start_new_thread(_start_beside, (start, begun))
    begun.acquire(timeout=_PATIENCE)


def _start_beside(start: Callable[[], None], begun: threading.Lock) -> None:
    try:
        start()
    finally:
        begun.release()


def is_worker_of(executor: Executor | None) -> bool:
    """Whether the calling thread runs what was submitted to this executor."""
    return executor is not None and _shared.executor_of_thread.get(threading.get_ident()) is executor


def _may_help() -> bool:
    """Whether the calling thread is a worker, which must not wait for what only a worker would begin."""
    return threading.get_ident() in _shared.executor_of_thread and not loop_runs_here()


def submit_to(executor: Executor) -> Callable[..., Future[Any]]:
    """Return a `submit` for an executor of threads that is somebody else's, whose workers help each other, too."""

    def submit(function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Submission:
        submission = Submission(function, args, kwargs)
        carrier = executor.submit(_run_as_worker, executor, submission)
        carrier.add_done_callback(lambda ended: _follow(ended, submission))
        return submission

    return submit


def _run_as_worker(executor: Executor, submission: Submission) -> None:
    ident, owners = threading.get_ident(), _shared.executor_of_thread
    before = owners.get(ident)
    owners[ident] = executor
    try:
        submission.run()
    finally:
        if before is None:
            owners.pop(ident, None)
        else:
            owners[ident] = before


def _follow(carrier: Future[None], submission: Submission) -> None:
    """End what an executor will never begin: it was shut down, or its workers cannot start."""
    if carrier.cancelled():
        submission.cancel()
    elif (error := carrier.exception()) is not None and submission.take_back():
        submission.set_exception(error)
