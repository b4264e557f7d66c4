"""Where the functions of a session run: executors by name, those of plugins, and those that were handed in."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

import pytest

from pegboard import ConfigError, MissingPlugin, On, Session, Threads, current_session, hookimpl, task
from pegboard.places import RemotePlace


class Here(Executor):
    """Runs what it is given at once, in the thread that gives it."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - the future carries it
            future.set_exception(error)
        return future


class Declared(Here):
    """Says that its functions run in this process."""

    runs_here = True


class There(RemotePlace):
    """An engine that runs functions here, and knows which."""

    def function_for(self, task: Any) -> Any:
        SENT.append(task.name)
        return task.__wrapped__

    def map(self, work: Any, concurrency: int | None) -> list[Any]:
        work.begin()
        while (pulled := work.pull()) is not None:
            index, args = pulled
            work.results[index] = work.finish_item(index, args)
        return work.finish()

    async def amap(self, work: Any, concurrency: int | None) -> list[Any]:
        return self.map(work, concurrency)


class Engine:
    """The plugin of that engine."""

    name = "engine"

    @hookimpl
    def make_executor(self, session, name) -> RemotePlace | None:
        return There(name, Here().submit, 1) if name == self.name else None


SENT: list[str] = []


@task(name="thread")
def thread(x: int = 0) -> tuple[int, str]:
    return x, threading.current_thread().name


def test_an_executor_that_says_so_runs_calls_here() -> None:
    """The whole call runs on it, not its function alone."""
    with Session(executor=Declared()) as session:
        seen = task(current_session).submit().result(10)
        assert seen is session
        assert session.place().name == "Declared"
        assert list(session.plugins) == []


def test_a_pool_of_threads_runs_calls_here() -> None:
    """Also one of a class derived from the standard library's, whatever it is called."""

    class Pool(ThreadPoolExecutor):
        """No word of threads in its name."""

    with Pool(1, thread_name_prefix="mine") as pool, Session(executor=pool):
        assert thread.submit(1).result(10)[1].startswith("mine")


def test_a_place_of_an_engine_is_used_as_it_is() -> None:
    """It says how functions get there and how maps do; nothing else is brought."""
    SENT.clear()
    with Session(Engine(), executor="engine") as session:
        assert [x for x, _ in thread.map([1, 2])] == [1, 2]
        assert thread.submit(3).result(10)[0] == 3
        assert list(session.plugins) == ["engine"]
    assert SENT == ["thread"]


@pytest.mark.parametrize("executor", ["processes", Here()], ids=["by name", "handed in"])
def test_without_processes_a_session_says_at_once_what_it_lacks(
    executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An executor by name, and one whose functions are to be sent."""
    monkeypatch.setitem(sys.modules, "pegboard_processes", None)  # as where it is not installed
    with pytest.raises(MissingPlugin, match=r"pip install 'pegboard\[processes\]'"):
        Session(executor=executor)


def test_a_disabled_plugin_brings_no_executor(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task placed there says so, and does not run somewhere else."""
    monkeypatch.setenv("PEGBOARD_DISABLE", "processes")
    placed = task(On("processes"))(len)
    with Session(), pytest.raises(MissingPlugin, match="disabled"):
        placed("abc")


@pytest.mark.parametrize("executor", ["processs", "Processes", ""])
def test_an_unknown_executor_lists_the_known(executor: str) -> None:
    """An unknown name fails where it is written."""
    with pytest.raises(
        ConfigError, match=r"Known: inline, threads, dask, processes; and those of installed plugins\."
    ):
        Session(executor=executor)


def test_something_that_is_no_executor_is_refused() -> None:
    """An executor has `submit`."""
    with pytest.raises(ConfigError, match=r"neither a name .* nor a concurrent\.futures\.Executor"):
        Session(executor=3)


def test_an_executor_handed_in_is_used_and_left_open() -> None:
    """Whoever made it shuts it down."""
    with ThreadPoolExecutor(1, thread_name_prefix="mine") as pool:
        for _ in range(2):
            with Session(executor=pool) as session:
                assert session.place().name == "ThreadPoolExecutor"
                name = task(lambda: threading.current_thread().name)
                assert name.submit().result(10).startswith("mine")


def test_threads_has_a_number_of_workers() -> None:
    """So many functions run at once; the pool is the session's, which ends it, and a second session has its own."""
    both = threading.Barrier(2, timeout=10)
    meet = task(both.wait)
    threads = Threads(workers=2)
    for _ in range(2):
        with Session(executor=threads) as session:
            assert sorted(future.result(10) for future in [meet.submit(), meet.submit()]) == [0, 1]
            assert session.executor_levels()["threads"].workers == 2


@pytest.mark.parametrize(("workers", "error"), [(0, ValueError), (True, TypeError), (2.5, TypeError)])
def test_threads_that_mean_nothing_are_refused(workers: object, error: type[Exception]) -> None:
    """The number is a whole one from 1."""
    with pytest.raises(error, match="Threads: workers is a whole number of at least 1"):
        Threads(workers=workers)
