"""Where the functions of a session run: executors of plugins, and those that were handed in."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

import pytest

from pegboard import MissingPlugin, On, Session, current_session, hookimpl, task
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
