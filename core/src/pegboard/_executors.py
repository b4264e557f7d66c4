"""Where functions run: executors by name, made when first used."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import attrs

from pegboard.errors import ConfigError

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

INLINE = "inline"
THREADS = "threads"
BUILT_IN = (INLINE, THREADS)


@attrs.frozen
class Place:
    """An executor and what the core has to know of it.

    Attributes:
        name: `inline`, `threads`, or the type of an executor that the user handed in.
        submit: As `concurrent.futures.Executor.submit`.
        workers: How many functions run at once, where that is known.
    """

    name: str
    submit: Callable[..., Future[Any]]
    workers: int


class Executors:
    """The executors of a session. The pools it makes are its own to shut down; one handed in is not."""

    def __init__(self, default: str | Executor | None) -> None:
        self._guard = threading.Lock()
        self._places: dict[str, Place] = {}
        self._pools: list[Executor] = []
        self._pid = os.getpid()
        self.default = self._adopt(default)

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

    def _adopt(self, default: str | Executor | None) -> str:
        if default is None:
            return THREADS
        if isinstance(default, str):
            if default not in BUILT_IN:
                raise unknown_executor(default)
            return default
        if not callable(getattr(default, "submit", None)):
            raise ConfigError(
                f"executor={default!r} is neither a name ({', '.join(BUILT_IN)}) nor a concurrent.futures.Executor.",
                where="Session",
                key="executor",
            )
        name = type(default).__name__
        if "Process" in name:
            raise ConfigError(
                f"executor={name}(...) runs functions in other processes, where this version cannot follow them.\n"
                f"Use threads, or run the processes around Pegboard.",
                where="Session",
                key="executor",
            )
        workers = getattr(default, "_max_workers", None) or os.cpu_count() or 1
        self._places[name] = Place(name, default.submit, workers)
        return name

    def _make(self, name: str) -> Place:
        with self._guard:
            if name not in self._places:
                self._places[name] = self._inline() if name == INLINE else self._threads(name)
            return self._places[name]

    def _inline(self) -> Place:
        return Place(INLINE, _submit_inline, 1)

    def _threads(self, name: str) -> Place:
        if name != THREADS:
            raise unknown_executor(name)
        from concurrent.futures import ThreadPoolExecutor

        workers = min(32, (os.cpu_count() or 1) + 4)  # the standard library's own default
        pool = ThreadPoolExecutor(workers, thread_name_prefix="pegboard")
        self._pools.append(pool)
        return Place(THREADS, pool.submit, workers)


def unknown_executor(name: str) -> ConfigError:
    """Say that there is no executor of that name, and which there are."""
    return ConfigError(
        f"no executor is called {name!r}. Known: {', '.join(BUILT_IN)}.", where="executor", key=name
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
