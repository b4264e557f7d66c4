"""Where functions run: executors by name, made when first used."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from pegboard._first_party import EXECUTORS
from pegboard.discovery import did_you_mean
from pegboard.errors import ConfigError
from pegboard.parts import checks
from pegboard.parts.forks import after_fork, new_lock

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

    from pegboard.running.map import Fanout
    from pegboard.tasks.task import Task

INLINE = "inline"
THREADS = "threads"
BUILT_IN = (INLINE, THREADS)


class Place:
    """An executor, and what the core has to know of it.

    Attributes:
        name: `inline`, `threads`, the name a plugin gave it, or the type of one that the user handed in.
        submit: As `concurrent.futures.Executor.submit`.
        workers: How many functions run at once, where that is known.
        executor: The executor itself; None for `inline`.
    """

    __slots__ = ("executor", "name", "submit", "workers")

    def __init__(
        self,
        name: str,
        submit: Callable[..., Future[Any]],
        workers: int,
        executor: Executor | None = None,
    ) -> None:
        self.name = name
        self.submit = submit
        self.workers = workers
        self.executor = executor

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name} of {self.workers} workers>"


class RemotePlace(Place):
    """An executor in other processes, where only functions travel, and not their calls.

    The seam for engines: their plugins return one of these from `make_executor`.
    """

    __slots__ = ()

    @abstractmethod
    def function_for(self, task: Task[..., Any]) -> Callable[..., Any]:
        """Return what a plan calls, in the call's context, instead of the task's function, to have that run there."""

    @abstractmethod
    def map(self, work: Fanout, concurrency: int | None) -> list[Any]:
        """Run a map there from sync code, and return its results: `work.begin()`, every item, `work.finish()`."""

    @abstractmethod
    async def amap(self, work: Fanout, concurrency: int | None) -> list[Any]:
        """Do what `map` does, from async code."""


class Threads:
    """The session's own pool of threads, with a number of your own: `Session(executor=Threads(workers=8))`.

    Started when first needed, and ended with the session; another session that gets it has a pool of its own.

    Attributes:
        workers: How many functions run at once.
    """

    __slots__ = ("workers",)

    def __init__(self, workers: int) -> None:
        self.workers = checks.whole(least=1).check("workers", workers, owner="Threads")

    def __repr__(self) -> str:
        return f"Threads(workers={self.workers})"


class ExecutorLevel(NamedTuple):
    """How busy an executor is at this moment.

    Attributes:
        queue_depth: How many functions wait for a worker.
        workers: How many workers there are: threads or processes, started or not.
    """

    queue_depth: int
    workers: int


class Executors:
    """The executor that a session was given, and the pools of its own, which are its own to shut down."""

    def __init__(self, default: str | Executor | Threads | None) -> None:
        self._guard = new_lock()
        self._places: dict[str, Place] = {}
        self._pools: list[Executor] = []
        self._workers = min(32, (os.cpu_count() or 1) + 4)  # the standard library's own default
        self.handed_in: Executor | None = None
        self.default = self._adopt(default)
        after_fork(self._forget_pools)

    def get(self, name: str) -> Place | None:
        """Return the executor called `name` if it is one of the core's, or runs functions here and was handed in."""
        place = self._places.get(name)
        return self._make(name) if place is None and name in BUILT_IN else place

    def is_handed_in(self, name: str) -> bool:
        """Whether the user handed in the executor of this name."""
        return self.handed_in is not None and name == self.default

    def is_local(self, name: str) -> bool:
        """Whether the executor of this name runs functions here, as far as is known without a plugin."""
        return name in BUILT_IN or name in self._places

    @property
    def places(self) -> list[Place]:
        """Those that were used."""
        return list(self._places.values())

    def close(self, *, wait: bool = True) -> None:
        """End the pools, by default when what runs in them is over; closing twice is fine, and a later use makes new ones."""
        with self._guard:
            pools, self._pools = self._pools, []
            for name in BUILT_IN:
                self._places.pop(name, None)
        for pool in pools:
            pool.shutdown(wait=wait, cancel_futures=True)

    def _forget_pools(self) -> None:
        """Let go of the pools of the process this one was forked from: their threads did not come along."""
        self._guard = new_lock()
        self._pools = []
        for name in BUILT_IN:
            self._places.pop(name, None)

    def _adopt(self, default: str | Executor | Threads | None) -> str:
        if default is None:
            return THREADS
        if isinstance(default, str):
            return default
        if isinstance(default, Threads):
            self._workers = default.workers
            return THREADS
        if isinstance(default, type) or not callable(getattr(default, "submit", None)):
            raise ConfigError(
                f"executor={default!r} is neither a name ({', '.join(BUILT_IN)}) nor a concurrent.futures.Executor.",
                where="Session",
                key="executor",
            )
        self.handed_in = default
        name = getattr(default, "name", None)
        name = name if isinstance(name, str) and name not in BUILT_IN else type(default).__name__
        if runs_here(default):
            from pegboard.parts.thread_pool import submit_to

            self._places[name] = Place(name, submit_to(default), workers_of(default), default)
        return name

    def _make(self, name: str) -> Place:
        with self._guard:
            if name not in self._places:
                self._places[name] = _inline() if name == INLINE else self._threads()
            return self._places[name]

    def _threads(self) -> Place:
        from pegboard.parts.thread_pool import ThreadPool

        pool = ThreadPool(self._workers, "pegboard")
        self._pools.append(pool)
        return Place(THREADS, pool.submit, self._workers, pool)


def _inline() -> Place:
    return Place(INLINE, _submit_inline, 1)


def levels_of(places: Iterable[Place]) -> dict[str, ExecutorLevel]:
    """Tell how busy executors are, where they tell."""
    return {
        place.name: ExecutorLevel(_depth(place.executor), place.workers)
        for place in places
        if place.executor is not None
    }


def _depth(executor: Any) -> int:
    depth = getattr(executor, "queue_depth", None)
    if isinstance(depth, int):
        return depth
    queue: Any = getattr(
        executor, "_work_queue", None
    )  # the standard library's pool of threads tells nobody else
    size = getattr(queue, "qsize", None)
    return 0 if size is None else int(size())


def runs_here(executor: Executor) -> bool:
    """Whether an executor's functions run in this process: one of threads, or one that says so.

    Of any other that cannot be known, so its functions are sent: that is right for both.
    """
    from concurrent import futures

    if getattr(executor, "runs_here", False) is True:
        return True
    interpreters: Any = getattr(futures, "InterpreterPoolExecutor", None)  # threads with modules of their own
    return isinstance(executor, futures.ThreadPoolExecutor) and not (
        interpreters is not None and isinstance(executor, interpreters)
    )


def workers_of(executor: Executor) -> int:
    """Return how many functions an executor runs at once, as it says; else the number of processors."""
    workers = getattr(executor, "workers", None) or getattr(executor, "_max_workers", None)
    return workers if isinstance(workers, int) and workers > 0 else os.cpu_count() or 1


def unknown_executor(name: str, plugins: Collection[str] = ()) -> ConfigError:
    """Say that there is no executor of that name, and which there are."""
    known = (*BUILT_IN, *dict.fromkeys((*EXECUTORS, *plugins)))
    return ConfigError(
        f"no executor is called {checks.shown(name)}.{did_you_mean(name, known)} Known: {', '.join(known)}; and those of installed "
        f"plugins.",
        where="executor",
        key=name,
    )


def _submit_inline(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Future[Any]:
    from concurrent.futures import Future

    future: Future[Any] = Future()
    future.set_running_or_notify_cancel()
    try:
        future.set_result(function(*args, **kwargs))
    except Exception as error:  # noqa: BLE001 - the future carries it
        future.set_exception(error)
    except BaseException as error:
        future.set_exception(error)
        raise
    return future
