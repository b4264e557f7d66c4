"""The plugin: worker processes for the sessions that it is attached to."""

from __future__ import annotations

from concurrent.futures import Executor
from types import TracebackType
from typing import TYPE_CHECKING, Self

from pegboard import Session, hookimpl
from pegboard_processes import hookspecs
from pegboard_processes.home.placing import ProcessPlace
from pegboard_processes.pool.executor import ProcessPool

if TYPE_CHECKING:
    from pegboard_processes.pool.starting import StartMethod


class Processes(ProcessPool):
    """Worker processes, started when first needed: the executor `processes` of the sessions that it is attached to.

        with Session(Processes(workers=4), executor="processes"): ...
        with Session(executor=Processes(workers=4)): ...        # the same

    A worker that dies fails what it was running, and another takes its place. Functions, arguments and results travel by
    pickle, with cloudpickle. The main script is not imported by workers. The workers end with the last session that it is
    attached to, and start anew with the next; entered itself (`with Processes() as pool:`), it keeps them until it is left.

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
        super().__init__(workers, start_method=start_method, recycle_after=recycle_after)
        self._sessions: set[str] = set()
        self._is_entered = False

    @hookimpl
    def session_start(self, session: Session) -> None:
        """Note who needs the workers; while they are ended for others, wait."""
        with self._lifecycle:
            self._sessions.add(session.id)

    @hookimpl
    def make_executor(self, session: Session, name: str, executor: Executor | None) -> object:  # noqa: ARG002 - the spec's
        """Return where functions run: here, or on an executor of somebody else's that was handed in."""
        if executor is not None and executor is not self:
            return ProcessPlace(name, executor)
        return ProcessPlace(name, self) if name == self.name else None

    @hookimpl
    def session_end(self, session: Session) -> None:
        """End the workers, when nobody needs them any more."""
        with self._lifecycle:
            self._sessions.discard(session.id)
            if not self._sessions and not self._is_entered:
                self.restart()

    def __enter__(self) -> Self:
        self._is_entered = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_entered = False
        self.shutdown()
