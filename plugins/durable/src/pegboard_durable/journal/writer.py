"""Writing for coroutines: one thread, which puts all that waits into one commit."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from pegboard.parts import after_fork, new_rlock
from pegboard_durable._errors import DurableError, Fenced
from pegboard_durable.journal.journal import Append, Journal

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Future

T = TypeVar("T")
_MOST_AT_ONCE = 256


@attrs.define(eq=False)
class Job:
    """What a coroutine waits for.

    Attributes:
        work: Rows to write, or a function to call.
        future: Its loop's, that gets the answer; None if nobody waits.
    """

    work: Append | Callable[[], Any]
    future: Future[Any] | None
    answer: Any = None
    error: BaseException | None = None


class Writer:
    """The thread, from the first use to the end; a forked child starts one of its own.

    A coroutine that is cancelled while it waits leaves its rows to be written all the same; what is asked for later comes later.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._begin_anew()
        after_fork(self._begin_anew)

    def _begin_anew(self) -> None:
        """Begin with nothing to do, in a forked child too: the parent writes what it was asked for."""
        self._guard = new_rlock()
        self._thread: threading.Thread | None = None
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._due: dict[object, tuple[float, Callable[[], object]]] = {}

    async def append(self, wanted: Append) -> None:
        """Do what `Journal.append` does, in one commit with what other coroutines write meanwhile."""
        await self._answer(wanted)

    async def run(self, function: Callable[..., T], *args: Any) -> T:
        """Call a function in the thread, after all that was asked for before."""
        answer: T = await self._answer(lambda: function(*args))
        return answer

    async def _answer(self, work: Append | Callable[[], Any]) -> Any:
        future = asyncio.get_running_loop().create_future()
        self._put(Job(work, future))
        return await future

    def later(self, key: object, seconds: float, function: Callable[[], object]) -> None:
        """Call a function in the thread after some seconds; asked for again under that key before, it stays at the first time."""
        if key not in self._due:
            self._due[key] = (time.monotonic() + seconds, function)
            self._put(Job(_nothing, None))  # so that the thread looks how long it may wait

    def end(self) -> None:
        """End the thread, once it has done all that it was asked for."""
        with self._guard:
            thread, self._thread = self._thread, None
            jobs, self._jobs = self._jobs, SimpleQueue()
            jobs.put(None)
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _put(self, job: Job) -> None:
        with self._guard:
            self._jobs.put(job)
            if self._thread is None:
                thread = threading.Thread(
                    target=self._serve, args=(self._jobs,), name="pegboard-durable-writer", daemon=True
                )
                self._thread = thread
                thread.start()

    # In the thread.

    def _serve(self, jobs: SimpleQueue[Job | None]) -> None:
        goes_on = True
        while goes_on:
            taken = self._taken(jobs)
            goes_on = None not in taken
            self._work([job for job in taken if job is not None])
            self._do_due(everything=not goes_on)

    def _taken(self, jobs: SimpleQueue[Job | None]) -> list[Job | None]:
        """Wait for a job, and return it with all that wait behind it; none when something else is due."""
        taken: list[Job | None] = []
        with contextlib.suppress(Empty):
            taken.append(jobs.get(timeout=self._wait()))
            while taken[-1] is not None and len(taken) < _MOST_AT_ONCE:
                taken.append(jobs.get_nowait())
        return taken

    def _wait(self) -> float | None:
        ends = [end for end, _ in list(self._due.values())]
        return max(min(ends) - time.monotonic(), 0.0) if ends else None

    def _do_due(self, *, everything: bool) -> None:
        now = time.monotonic()
        for key, (end, function) in list(self._due.items()):
            if everything or end <= now:
                del self._due[key]
                with contextlib.suppress(DurableError, Fenced):  # the run knows, and its next step raises it
                    function()

    def _work(self, jobs: list[Job]) -> None:
        """Do jobs in their order, rows that follow each other in one commit."""
        appends: list[Job] = []
        for job in jobs:
            if isinstance(job.work, Append):
                appends.append(job)
                continue
            self._write(appends)
            appends = []
            _call(job)
            _deliver([job])
        self._write(appends)

    def _write(self, jobs: list[Job]) -> None:
        if not jobs:
            return
        try:
            answers = self._journal.append_all([job.work for job in jobs if isinstance(job.work, Append)])
        except Exception as error:  # noqa: BLE001 - whoever waits is to have it
            if len(jobs) > 1 and not isinstance(
                error, DurableError
            ):  # something in one of them: the others are not to suffer
                for job in jobs:
                    self._write([job])
                return
            for job in jobs:
                job.error = error
        else:
            for job, answer in zip(jobs, answers, strict=True):
                job.error = answer
        _deliver(jobs)


def _nothing() -> None:
    return None


def _call(job: Job) -> None:
    try:
        job.answer = job.work() if callable(job.work) else None
    except BaseException as error:  # noqa: BLE001 - whoever waits is to have it
        job.error = error


def _deliver(jobs: Iterable[Job]) -> None:
    """Wake the coroutines that wait: each loop once."""
    by_loop: dict[AbstractEventLoop, list[Job]] = {}
    for job in jobs:
        if job.future is not None:
            by_loop.setdefault(job.future.get_loop(), []).append(job)
    for loop, waiting in by_loop.items():
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(_answer_all, waiting)


def _answer_all(jobs: list[Job]) -> None:
    for job in jobs:
        future = job.future
        if future is None or future.done():
            continue
        if job.error is not None:
            future.set_exception(job.error)
        else:
            future.set_result(job.answer)
