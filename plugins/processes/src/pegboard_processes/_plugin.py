"""The plugin: worker processes for the sessions that it is attached to."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from types import TracebackType
from typing import Any, Self

from pegboard import Session, hookimpl
from pegboard.parts import after_fork, new_lock, time_for_work
from pegboard_processes import hookspecs
from pegboard_processes.home.placing import ProcessPlace
from pegboard_processes.pool.executor import ProcessPool
from pegboard_processes.pool.starting import StartMethod  # noqa: TC001 - settings from the environment look at it


class Processes(Executor):
    """Worker processes, started when first needed: the executor `processes` of the sessions that it is attached to.

        with Session(Processes(workers=4), executor="processes"): ...
        with Session(executor=Processes(workers=4)): ...        # the same

    A worker that dies fails what it was running, and another takes its place. Functions, arguments and results travel by
    pickle, with cloudpickle. The main script is not imported by workers. The workers end with the last session that it is
    attached to, and others start with the next; entered itself (`with Processes() as pool:`), it keeps them until it is left.

    Args:
        workers: How many processes; by default as many as this process may use processors.
        start_method: `forkserver`, the default: a server without threads forks them, quickly. `spawn`: each is a new
            interpreter. `fork`: this process is forked, with everything in it, which is unsafe where threads hold locks.
        recycle_after: End a worker after so many runs and start another, for functions that leak; None never does.

    Raises:
        ConfigError: This system has no such way to start processes.
    """

    name = "processes"
    hookspecs = hookspecs

    def __init__(
        self,
        workers: int | None = None,
        *,
        start_method: StartMethod | None = None,
        recycle_after: int | None = None,
    ) -> None:
        self._pool = ProcessPool(workers, start_method=start_method, recycle_after=recycle_after)
        self._sessions: set[Session] = set()
        self._is_entered = False
        self._renew_guard()
        after_fork(self._renew_guard)

    def _renew_guard(self) -> None:
        """In a forked child, whoever holds it did not come along."""
        self._guard = new_lock()

    def __repr__(self) -> str:
        return f"Processes(workers={self.workers}, start_method={self._pool.start_method!r})"

    @property
    def workers(self) -> int:
        """How many processes there are, started or not."""
        return self._pool.workers

    @property
    def queue_depth(self) -> int:
        """How many requests no worker has taken yet."""
        return self._pool.queue_depth

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run a function in a worker, as `concurrent.futures.Executor.submit`.

        Raises:
            RuntimeError: It was shut down.
            Exception: Whatever says that the function or an argument cannot be pickled.
        """
        return self._pool.submit(fn, *args, **kwargs)

    def kill(self, future: Future[Any]) -> None:
        """Have nobody work for a future any more: taken from the queue, or its worker ended, and waited for."""
        self._pool.kill(future)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the workers when nothing is left to do, and take nothing any more; what they still have to tell is waited for."""
        self._pool.shutdown(wait, cancel_futures=cancel_futures)

    @hookimpl
    def session_start(self, session: Session) -> None:
        """Note who needs the workers."""
        with self._guard:
            self._sessions.add(session)

    @hookimpl
    def make_executor(self, session: Session, name: str, executor: Executor | None) -> object:  # noqa: ARG002 - the spec's
        """Return where functions run: here, or on an executor of somebody else's that was handed in."""
        if executor is not None and executor is not self:
            return ProcessPlace(name, executor)
        return ProcessPlace(name, self._pool) if name == self.name else None

    @hookimpl
    def session_end(self, session: Session) -> None:
        """End the workers, when nobody needs them any more; who comes next has others."""
        with self._guard:
            self._sessions.discard(session)
            if self._sessions or self._is_entered:
                return
            ending, self._pool = self._pool, self._pool.another()
        ending.shutdown(wait=time_for_work() != 0)

    def __enter__(self) -> Self:
        self._is_entered = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_entered = False
        self.shutdown()
