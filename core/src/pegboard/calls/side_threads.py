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

    def __init__(self, run: Callable[[], Any]) -> None:
        self._run = run
        self._done = threading.Event()
        self.ended = False
        self.abandoned = False
        self.value: Any = None
        self.error: BaseException | None = None

    def work(self) -> None:
        try:
            self.value = self._run()
        except BaseException as error:  # noqa: BLE001 - carried to the waiting thread, whatever it is
            self.error = error
        self._done.set()

    def wait(self, seconds: float) -> bool:
        return self._done.wait(seconds)


class SideThreads:
    """Daemon threads, reused while idle, that never hold up the end of the process."""

    def __init__(self) -> None:
        self._begin_anew()
        after_fork(self._begin_anew)

    def _begin_anew(self) -> None:
        """Begin without threads, also in a forked child: the idle ones did not come along."""
        self._guard = new_lock()
        self._idle: list[SimpleQueue[_Job]] = []
        self._abandoned = 0

    @property
    def abandoned(self) -> int:
        """How many bodies are still running although their caller gave up on them."""
        return self._abandoned

    def run(self, function: Callable[[], Any], seconds: float) -> Any:
        """Run `function` in another thread, with this context, for at most `seconds`.

        Raises:
            GaveUp: It did not end in time. It goes on, and what it returns or raises is dropped.
        """
        context = copy_context()
        job = _Job(lambda: context.run(function))
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
            with self._guard:
                job.ended = True
                self._abandoned -= job.abandoned
                if len(self._idle) >= _IDLE_MOST:
                    return
                self._idle.append(inbox)
            del job

    def _retire(self, inbox: SimpleQueue[_Job]) -> bool:
        with self._guard:
            if inbox in self._idle:
                self._idle.remove(inbox)
                return True
            return False

    def _abandon(self, job: _Job) -> None:
        with self._guard:
            if not job.ended:
                job.abandoned = True
                self._abandoned += 1


SIDE_THREADS = SideThreads()
