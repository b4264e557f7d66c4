"""Where functions run: executors by name, made when first used."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

import attrs

from pegboard.discovery import did_you_mean
from pegboard.errors import ConfigError

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

INLINE = "inline"
THREADS = "threads"
PROCESSES = "processes"
BUILT_IN = (INLINE, THREADS, PROCESSES)


@attrs.frozen(eq=False)
class Place:
    """An executor and what the core has to know of it.

    Attributes:
        name: `inline`, `threads`, `processes`, the name a plugin gave it, or the type of one that the user handed in.
        submit: As `concurrent.futures.Executor.submit`.
        workers: How many functions run at once, where that is known.
        remote: Whether its functions run in other processes, so that only they travel, and not their calls.
        executor: The executor itself; None for `inline`.
        shares_clock: Whether its monotonic clock is ours: on the same machine.
    """

    name: str
    submit: Callable[..., Future[Any]]
    workers: int
    remote: bool = False
    executor: Executor | None = None
    shares_clock: bool = True


@attrs.frozen
class ExecutorLevel:
    """How busy an executor is at this moment.

    Attributes:
        queue_depth: How many functions wait for a worker.
        workers: How many workers there are: threads or processes, started or not.
    """

    queue_depth: int
    workers: int


class Executors:
    """The executors of a session. The pools it makes are its own to shut down; one handed in is not."""

    def __init__(self, default: str | Executor | None, plugins: Collection[str] = ()) -> None:
        self._guard = threading.Lock()
        self._places: dict[str, Place] = {}
        self._pools: list[Executor] = []
        self._pid = os.getpid()
        self.default = self._adopt(default, plugins)

    def get(self, name: str | None = None) -> Place:
        """Return the executor called `name`, the session's own without one.

        Raises:
            ConfigError: There is none of that name.
        """
        name = self.default if name is None else name
        if self._pid != os.getpid():
            self._forget_pools()
        place = self._places.get(name)
        return place if place is not None else self._make(name)

    @property
    def handed_in(self) -> Collection[str]:
        """Names of executors that are the user's."""
        return [name for name in self._places if name not in BUILT_IN]

    def levels(self) -> dict[str, ExecutorLevel]:
        """Tell how busy the executors are that were used, where they tell."""
        places = [place for place in list(self._places.values()) if place.executor is not None]
        return {place.name: ExecutorLevel(_depth(place.executor), place.workers) for place in places}

    def close(self) -> None:
        """Wait for what runs and end the pools; closing twice is fine, and a later use makes new ones."""
        with self._guard:
            pools, self._pools = self._pools, []
            for name in BUILT_IN:
                self._places.pop(name, None)
        for pool in pools:
            pool.shutdown(wait=True, cancel_futures=True)

    def _forget_pools(self) -> None:
        """Let go of the pools of the process this one was forked from: their threads did not come along."""
        with self._guard:
            self._pid = os.getpid()
            self._pools = []
            for name in BUILT_IN:
                self._places.pop(name, None)

    def _adopt(self, default: str | Executor | None, plugins: Collection[str]) -> str:
        if default is None:
            return THREADS
        if isinstance(default, str):
            if default not in BUILT_IN and default not in plugins:
                raise unknown_executor(default, plugins)
            return default
        if isinstance(default, type) or not callable(getattr(default, "submit", None)):
            raise ConfigError(
                f"executor={default!r} is neither a name ({', '.join(BUILT_IN)}) nor a concurrent.futures.Executor.",
                where="Session",
                key="executor",
            )
        place = place_of(default)
        self._places[place.name] = place
        return place.name

    def _make(self, name: str) -> Place:
        with self._guard:
            if name not in self._places:
                makers = {INLINE: self._inline, THREADS: self._threads, PROCESSES: self._processes}
                if name not in makers:
                    raise unknown_executor(name)
                self._places[name] = makers[name]()
            return self._places[name]

    def _inline(self) -> Place:
        return Place(INLINE, _submit_inline, 1)

    def _threads(self) -> Place:
        from concurrent.futures import ThreadPoolExecutor

        workers = min(32, (os.cpu_count() or 1) + 4)  # the standard library's own default
        pool = ThreadPoolExecutor(workers, thread_name_prefix="pegboard")
        self._pools.append(pool)
        return Place(THREADS, pool.submit, workers, executor=pool)

    def _processes(self) -> Place:
        from pegboard._remote.processes import Processes

        pool = Processes()
        self._pools.append(pool)
        return Place(PROCESSES, pool.submit, pool.workers, remote=True, executor=pool)


def _depth(executor: Any) -> int:
    depth = getattr(executor, "queue_depth", None)
    if isinstance(depth, int):
        return depth
    queue: Any = getattr(
        executor, "_work_queue", None
    )  # the standard library's pool of threads tells nobody else
    size = getattr(queue, "qsize", None)
    return 0 if size is None else int(size())


def place_of(executor: Executor, name: str | None = None, *, shares_clock: bool = True) -> Place:
    """Describe an executor that somebody handed in.

    Executors of threads run functions here. Of any other, whether its functions run in this process cannot be known, so they
    are sent: that is right for both.
    """
    own_name = PROCESSES if _is_ours(executor) else type(executor).__name__
    workers = getattr(executor, "workers", None) or getattr(executor, "_max_workers", None)
    return Place(
        own_name if name is None else name,
        executor.submit,
        workers if isinstance(workers, int) and workers > 0 else os.cpu_count() or 1,
        remote=not any("Thread" in cls.__name__ for cls in type(executor).__mro__),
        executor=executor,
        shares_clock=shares_clock,
    )


def _is_ours(executor: Executor) -> bool:
    return type(executor).__module__ == "pegboard._remote.processes"


def unknown_executor(name: str, plugins: Collection[str] = ()) -> ConfigError:
    """Say that there is no executor of that name, and which there are."""
    known = (*BUILT_IN, *plugins)
    return ConfigError(
        f"no executor is called {name!r}.{did_you_mean(name, known)} Known: {', '.join(known)}; and those of installed "
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
