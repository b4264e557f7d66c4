"""An executor of worker processes: warm, replaced when they die, killed when nobody waits for them any more."""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import TYPE_CHECKING, Any

from pegboard.errors import RemoteError
from pegboard.parts import after_fork, checks, new_lock
from pegboard_processes.pool.request import NotStarted, Request, WorkerSlot
from pegboard_processes.pool.starting import FORK_SERVER, StartMethod, checked_method
from pegboard_processes.wire.errors import bare
from pegboard_processes.wire.pickling import dumps, loads
from pegboard_processes.wire.progress import HERE

if TYPE_CHECKING:
    from pegboard_processes.wire.parcels import Failure

_WORKERS = checks.whole(least=1, most=10_000).or_none("as many as there are processors")
_LOOK_AGAIN_SECONDS = 0.1  # as an interrupt may keep somebody from telling those who wait
_RECYCLE_AFTER = checks.whole(least=1).or_none("never")


class ProcessPool(Executor):
    """Worker processes, started when first needed and kept until the pool is shut down.

    What it can be told is said at `Processes`, which users see.

    Attributes:
        workers: How many processes.
    """

    def __init__(
        self,
        workers: int | None = None,
        *,
        start_method: StartMethod | None = None,
        recycle_after: int | None = None,
    ) -> None:
        self.workers = _WORKERS.check("workers", workers, owner="Processes") or usable_processors()
        self.start_method = checked_method(start_method)
        self.recycle_after = _RECYCLE_AFTER.check("recycle_after", recycle_after, owner="Processes")
        self._closed = False
        self._begin()
        after_fork(self._begin)

    def _begin(self) -> None:
        """Begin with no worker; in a process that was forked, too, where those are the parent's."""
        self._guard = new_lock()  # no Condition: an interrupt must not leave it locked
        self._changed = threading.Condition(self._guard)
        self._ending = new_lock()
        self._waiting: deque[Request] = deque()
        made = [WorkerSlot(self.start_method, self.recycle_after, self._others) for _ in range(self.workers)]
        self._slots, self._free = tuple(made), deque(made)
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._next = 0
        self._holds_server = False

    def __repr__(self) -> str:
        return f"{type(self).__name__}(workers={self.workers}, start_method={self.start_method!r})"

    @property
    def queue_depth(self) -> int:
        """How many requests no worker has taken yet."""
        return len(self._waiting)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run a function in a worker, as `concurrent.futures.Executor.submit`.

        Raises:
            RuntimeError: The executor was shut down.
            Exception: Whatever says that the function or an argument cannot be pickled.
        """
        return self.send(dumps((fn, args, kwargs)), 1)

    def send(
        self, payload: bytes, weight: int, seconds: float | None = None, until: float | None = None
    ) -> Request:
        """Run a pickled `(function, args, kwargs)`.

        Args:
            payload: What to run.
            weight: How many runs it is to `recycle_after`.
            seconds: How long the function may take, from where it begins in the worker; then that is killed.
            until: When everything has to be over, on the monotonic clock; counts once a worker has it.
        """
        with self._guard:
            request = self._request(payload, weight, seconds, until)
            self._see_to_thread()
            self._waiting.append(request)
            self._changed.notify()
        return request

    def call(self, payload: bytes, weight: int, seconds: float | None, until: float | None) -> Future[Any]:
        """Do what `send` does, and wait for it, until then at most.

        The calling thread itself talks to a worker where one is free, which spares two changes of threads.
        """
        with self._guard:
            is_free = self._is_usable() and not self._waiting
            request = self._request(payload, weight, seconds, until) if is_free else None
            slot = None if request is None else self._taken(request)
        if request is None or slot is None:
            request = self.send(payload, weight, seconds, until)
            self._wait(request, until)
            return request
        try:
            request.set_running_or_notify_cancel()
            self._answer(request, slot)
        finally:
            self._give_back(slot, request)
        if not request.done():
            self._wait(request, until)
        return request

    def _wait(self, request: Request, until: float | None) -> None:
        try:
            in_time = request.wait(None if until is None else max(until - time.perf_counter(), 0.0))
        except BaseException:  # KeyboardInterrupt
            self.kill(request)
            raise
        if not in_time:
            self.kill(request)

    def kill(self, future: Future[Any]) -> None:
        """Have nobody work for a future any more: taken from the queue, or its worker ended, and waited for."""
        if future.cancel() or not isinstance(future, Request):
            return
        future.kill()
        future.wait(None)

    def stop(self, future: Future[Any]) -> None:
        """Have the worker of a parcel answer when the item at work is over, and leave the others."""
        if not future.cancel() and isinstance(future, Request):
            future.stop()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the workers when nothing is left to do; what they still have to tell is waited for."""
        with self._guard:
            was_closed, self._closed = self._closed, True
            dropped = list(self._waiting) if cancel_futures else []
            if cancel_futures:
                self._waiting.clear()
            self._changed.notify_all()
        for request in dropped:
            request.cancel()
            request.set_running_or_notify_cancel()
        if not wait:
            if not was_closed:
                self._end_beside()
            return
        try:
            self._end()
        except BaseException:  # Ctrl-C: nobody waits any more, and the workers end all the same
            self._end_beside()
            raise

    def _end_beside(self) -> None:
        threading.Thread(target=self._end, name="pegboard-worker-end", daemon=True).start()

    def another(self) -> ProcessPool:
        """Make a pool with the same settings; of one that was shut down, one that was, too."""
        made = ProcessPool(self.workers, start_method=self.start_method, recycle_after=self.recycle_after)
        made._closed = self._closed
        return made

    def _end(self) -> None:
        for thread in self._threads:
            thread.join()
        with self._guard:
            while len(self._free) + len(self._lost()) < self.workers:  # a thread that called is at it
                self._changed.wait(_LOOK_AGAIN_SECONDS)
            holds, self._holds_server = self._holds_server, False
        with self._ending:
            try:
                for slot in self._slots:
                    slot.dismiss()
                for slot in self._slots:
                    slot.let_go()
            finally:
                if holds:
                    FORK_SERVER.release()
        _OPEN.discard(self)

    def _request(self, payload: bytes, weight: int, seconds: float | None, until: float | None) -> Request:
        if self._closed:
            raise RuntimeError("this executor was shut down, and takes nothing any more.")
        if self.start_method == "forkserver" and not self._holds_server:
            self._holds_server = True
            FORK_SERVER.hold()
        if not self._next:
            end_with_program()
            _OPEN.add(self)
        self._next += 1
        return Request(self._next, payload, weight, seconds, until)

    def _see_to_thread(self) -> None:
        """Start one more, before something is added to what waits, if all that there are have enough to do."""
        if self._idle > len(self._waiting) or len(self._threads) >= self.workers:
            return
        number = len(self._threads) + 1
        thread = threading.Thread(target=self._serve, name=f"pegboard-worker-{number}", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # there is no room for one more
            if not self._threads:
                raise
        else:
            self._threads.append(thread)

    def _serve(self) -> None:
        """Answer requests, each by a worker that is free."""
        while (taken := self._take()) is not None:
            request, slot = taken
            try:
                if request.running() or request.set_running_or_notify_cancel():
                    self._answer(request, slot)
            except BaseException as error:  # noqa: BLE001 - others wait for this thread
                request.set_exception(bare(error))
            finally:
                self._give_back(slot, request)
            del taken, request, slot

    def _take(self) -> tuple[Request, WorkerSlot] | None:
        with self._guard:
            while not (self._waiting and self._is_usable()):
                if self._closed and not self._waiting:
                    return None
                self._idle += 1
                self._changed.wait(_LOOK_AGAIN_SECONDS if self._waiting else None)
                self._idle -= 1
            request = self._waiting.popleft()
            return request, self._taken(request)

    def _taken(self, request: Request) -> WorkerSlot:
        slot = self._free[-1]
        slot.take(request)
        return self._free.pop()

    def _is_usable(self) -> bool:
        """Whether a slot is free that has a worker, or may start one: none that just failed to, while others have workers."""
        if not self._free:
            self._free.extend(self._lost())
        return bool(self._free) and not (self._free[-1].is_sick and self._others(self._free[-1]))

    def _lost(self) -> list[WorkerSlot]:
        """The slots that nobody uses, and that an interrupt (Ctrl-C) kept from being given back."""
        return [each for each in self._slots if not each.is_used and each not in self._free]

    def _others(self, slot: WorkerSlot) -> bool:
        return any(each.has_worker for each in self._slots if each is not slot)

    def _give_back(self, slot: WorkerSlot, request: Request) -> None:
        with self._guard:
            if not slot.give(request) or slot in self._free:
                return
            if slot.is_sick:
                self._free.appendleft(slot)  # the last to be taken
            else:
                self._free.append(slot)
            if self._closed:
                self._changed.notify_all()
            elif self._waiting:
                self._changed.notify()

    def _answer(self, request: Request, slot: WorkerSlot) -> None:
        try:
            answer = slot.ask(request)
            request.payload = b""  # it may be large, and the future may be kept
            slot.used(request.weight)
            ok, value = loads(answer)
        except NotStarted as error:
            if not self._others(slot):
                request.set_exception(bare(error))
                return
            with self._guard:
                self._see_to_thread()
                self._waiting.appendleft(request)
            return
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whoever waits is told
            error.__context__ = None
            request.payload = b""
            request.set_exception(bare(error))
            return
        if ok:
            request.set_result(value)
        else:
            request.set_exception(_error_of(value))


def _error_of(failure: Failure) -> BaseException:
    if failure.pickled is not None:
        try:
            error: object = loads(failure.pickled)
        except Exception:  # noqa: BLE001 - its text is left
            error = None
        if isinstance(error, BaseException):
            with contextlib.suppress(Exception):  # a class that takes no notes
                error.add_note(failure.traceback.rstrip())
            return error
    return RemoteError(
        f"{failure.type}: {failure.message}",
        task="",
        type=failure.type,
        message=failure.message,
        traceback=failure.traceback,
    )


_OPEN: weakref.WeakSet[ProcessPool] = weakref.WeakSet()  # those that may have something to do


def _end_pools() -> None:
    """Have the pools that nobody shut down do what they were given, and end them."""
    for pool in list(_OPEN):
        pool.shutdown()


@functools.cache
def end_with_program() -> None:
    """See to it that no work is lost when this program ends, or this worker."""
    atexit.register(_end_pools)
    HERE.at_end.append(_end_pools)


def usable_processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
