"""Threads for bodies that their caller may stop waiting for: how a sync task keeps to a limit."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from pegboard.parts.forks import after_fork, new_lock

if TYPE_CHECKING:
    from queue import SimpleQueue

_IDLE_SECONDS = 10.0
_IDLE_MOST = 8


class GaveUp(Exception):  # noqa: N818 - never leaves the core
    """The caller's time is up, and the body goes on without it."""


class _Job:
    """One function to run, its result or error, and whether its caller gave up on it."""

    def __init__(self, run: Callable[[], Any], number: int) -> None:
        self._run = run
        self.number = number
        # No Event, which has Python code in it: an interrupt there would leave its lock held for ever.
        self._running = threading.Lock()
        self._running.acquire()
        self.ended = False
        self.value: Any = None
        self.error: BaseException | None = None

    def work(self) -> None:
        try:
            self.value = self._run()
        except BaseException as error:  # noqa: BLE001 - carried to the waiting thread, whatever it is
            self.error = error
        self._running.release()

    def wait(self, seconds: float) -> bool:
        return self._running.acquire(timeout=min(seconds, threading.TIMEOUT_MAX))


class Abandoned:
    """The bodies of one call that go on although their caller gave up on them.

    Attributes:
        running: They.
        then: What to call when there is none any more.
    """

    __slots__ = ("running", "then")

    def __init__(self) -> None:
        self.running: set[_Job] = set()
        self.then: list[Callable[[], object]] = []


class SideThreads:
    """Daemon threads, reused while idle, that never hold up the end of the process.

    Attributes:
        abandoned_by_call: The bodies that go on although their caller gave up on them, by the number of the call.
    """

    def __init__(self) -> None:
        self.abandoned_by_call: dict[int, Abandoned] = {}
        self._begin_anew()
        after_fork(self._begin_anew)

    def _begin_anew(self) -> None:
        """Begin without threads, also in a forked child: the idle ones did not come along."""
        self._guard = new_lock()
        self._idle: list[SimpleQueue[_Job]] = []
        self.abandoned_by_call.clear()

    @property
    def abandoned(self) -> int:
        """How many bodies are still running although their caller gave up on them."""
        with self._guard:
            return sum(len(each.running) for each in self.abandoned_by_call.values())

    def when_ended(self, number: int, function: Callable[[], object]) -> None:
        """Call `function` when none of a call's bodies runs any more: now, or in the thread of the last one."""
        with self._guard:
            found = self.abandoned_by_call.get(number)
            if found is not None:
                found.then.append(function)
                return
        function()

    def wait_for_end(self, number: int, seconds: float | None) -> bool:
        """Wait until none of a call's bodies runs any more, for at most `seconds`; tell whether that is so."""
        ended = threading.Event()
        self.when_ended(number, ended.set)
        return ended.wait(seconds)

    def run(self, function: Callable[[], Any], seconds: float, number: int) -> Any:
        """Run `function` in another thread, with this context, for at most `seconds`.

        Args:
            function: The body.
            seconds: How long to wait for it.
            number: Of the call.

        Raises:
            GaveUp: It did not end in time. It goes on, and what it returns or raises is dropped.
        """
        context = copy_context()
        job = _Job(lambda: context.run(function), number)
        self._hand_over(job)
        ended = False
        try:
            ended = job.wait(max(seconds, 0.0))
        finally:
            if not ended:
                self._abandon(job)
        if not ended:
            raise GaveUp
        if job.error is not None:
            raise job.error
        return job.value

    def _hand_over(self, job: _Job) -> None:
        with self._guard:
            inbox = self._idle.pop() if self._idle else None
        if inbox is not None:
            inbox.put(job)
            return
        from queue import SimpleQueue

        inbox = SimpleQueue()
        inbox.put(job)
        threading.Thread(target=self._serve, args=(inbox,), name="pegboard-side", daemon=True).start()

    def _serve(self, inbox: SimpleQueue[_Job]) -> None:
        from queue import Empty

        while True:
            try:
                job = inbox.get(timeout=_IDLE_SECONDS)
            except Empty:
                if self._retire(inbox):
                    return
                continue  # claimed a moment ago: the job is on its way
            job.work()
            for then in self._end(job):
                then()
            del job
            with self._guard:
                if len(self._idle) >= _IDLE_MOST:
                    return
                self._idle.append(inbox)

    def _retire(self, inbox: SimpleQueue[_Job]) -> bool:
        with self._guard:
            if inbox in self._idle:
                self._idle.remove(inbox)
                return True
            return False

    def _abandon(self, job: _Job) -> None:
        with self._guard:
            if not job.ended:
                self.abandoned_by_call.setdefault(job.number, Abandoned()).running.add(job)

    def _end(self, job: _Job) -> list[Callable[[], object]]:
        """Note that a body has ended; return what waited for that."""
        with self._guard:
            job.ended = True
            found = self.abandoned_by_call.get(job.number)
            if found is None:
                return []
            found.running.discard(job)
            return [] if found.running else self.abandoned_by_call.pop(job.number).then


SIDE_THREADS = SideThreads()
