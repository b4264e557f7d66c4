"""The core's pool of threads."""

from __future__ import annotations

import concurrent.futures
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

import pytest

from pegboard.parts.thread_pool import ThreadPool, is_worker_of, submit_to


@pytest.fixture
def pool() -> Iterator[ThreadPool]:
    with ThreadPool(2, "test") as made:
        yield made


class Adopted:
    """A pool of the standard library's, submitted to as a session does."""

    def __init__(self, executor: Executor) -> None:
        self.submit = submit_to(executor)


@pytest.fixture(params=["own", "adopted"])
def either(request: pytest.FixtureRequest, pool: ThreadPool) -> Iterator[Any]:
    """Our pool of two, or somebody else's."""
    if request.param == "own":
        yield pool
        return
    with ThreadPoolExecutor(2) as executor:
        yield Adopted(executor)


def all_results(futures: list[Future[int]]) -> list[int]:
    return [future.result() for future in futures]


def by_wait(futures: list[Future[int]]) -> list[int]:
    concurrent.futures.wait(futures)
    return all_results(futures)


def by_first_completed(futures: list[Future[int]]) -> list[int]:
    left = set(futures)
    while left:
        left = concurrent.futures.wait(left, return_when=concurrent.futures.FIRST_COMPLETED).not_done
    return all_results(futures)


def by_as_completed(futures: list[Future[int]]) -> list[int]:
    return [future.result() for future in concurrent.futures.as_completed(futures)]


def by_exception(futures: list[Future[int]]) -> list[int]:
    assert [future.exception() for future in futures] == [None] * len(futures)
    return all_results(futures)


WAITS = [all_results, by_wait, by_first_completed, by_as_completed, by_exception]


@pytest.mark.parametrize("wait", WAITS, ids=lambda wait: wait.__name__)
def test_functions_submit_and_wait_deeper_than_the_pool_is_wide(
    either: Any, wait: Callable[[list[Future[int]]], list[int]]
) -> None:
    """However they wait: a worker that does runs what nobody has begun."""

    def count(depth: int) -> int:
        if depth == 0:
            return 1
        return sum(wait([either.submit(count, depth - 1) for _ in range(2)]))

    assert either.submit(count, 5).result(30) == 32


def test_who_is_no_worker_only_waits(pool: ThreadPool) -> None:
    """What was submitted runs in the pool."""
    assert pool.submit(threading.current_thread).result() is not threading.current_thread()
    assert pool.submit(is_worker_of, pool).result()
    assert not is_worker_of(pool)


def test_a_wait_with_a_limit_runs_nothing(pool: ThreadPool) -> None:
    """It could not keep to the limit."""
    release = threading.Event()
    blocked = [pool.submit(release.wait, 10) for _ in range(2)]
    waiting = pool.submit(threading.get_ident)
    with pytest.raises(TimeoutError):
        waiting.result(0.01)
    release.set()
    assert all_results([*blocked]) == [True, True]
    assert waiting.result(10) != threading.get_ident()


def test_no_more_functions_run_at_once_than_there_are_workers(pool: ThreadPool) -> None:
    """And as many do."""
    both = threading.Barrier(2)
    running, most = [0], [0]
    guard = threading.Lock()

    def work(meets: bool) -> None:
        with guard:
            running[0] += 1
            most[0] = max(most[0], running[0])
        if meets:
            both.wait(10)
        with guard:
            running[0] -= 1

    for future in [pool.submit(work, number < 2) for number in range(50)]:
        future.result()
    assert most == [2]


def test_errors_are_in_the_future(pool: ThreadPool) -> None:
    """The same object, whatever it is."""
    error = SystemExit(3)

    def fail() -> None:
        raise error

    assert pool.submit(fail).exception() is error


def test_what_has_not_begun_can_be_cancelled(pool: ThreadPool) -> None:
    """And never runs; what has begun cannot be."""
    release, ran = threading.Event(), []
    blocked = [pool.submit(release.wait, 10) for _ in range(2)]
    waiting = pool.submit(ran.append, 1)
    assert pool.queue_depth == 1
    assert waiting.cancel()
    release.set()
    assert all_results([*blocked]) == [True, True]
    assert pool.submit(int).result() == 0
    assert ran == []
    assert not blocked[0].cancel()


def test_a_pool_that_was_shut_down_takes_nothing_and_has_done_all() -> None:
    """Its threads are gone."""
    pool = ThreadPool(3, "ending")
    futures = [pool.submit(int, number) for number in range(20)]
    pool.shutdown()
    assert all_results([*futures]) == [*range(20)]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ending")]
    with pytest.raises(RuntimeError, match="shut down"):
        pool.submit(int)


def test_shutting_down_may_cancel_what_waits() -> None:
    """What runs is waited for."""
    pool = ThreadPool(1, "cancelling")
    begun, release = threading.Event(), threading.Event()

    def work() -> str:
        begun.set()
        release.wait(10)
        return "done"

    running, waiting = pool.submit(work), pool.submit(int)
    begun.wait(10)
    threading.Timer(0.05, release.set).start()
    pool.shutdown(cancel_futures=True)
    assert running.result() == "done"
    assert waiting.cancelled()


def test_what_somebody_else_s_executor_never_begins_ends_all_the_same() -> None:
    """Cancelled where it was shut down, and failed where its threads cannot start."""
    release = threading.Event()
    executor = ThreadPoolExecutor(1)
    submit = submit_to(executor)
    running, waiting = submit(release.wait, 10), submit(int)
    threading.Timer(0.05, release.set).start()
    executor.shutdown(cancel_futures=True)
    assert running.result() is True
    assert waiting.cancelled()

    def refuse() -> None:
        raise LookupError

    with ThreadPoolExecutor(1, initializer=refuse) as broken:
        assert isinstance(submit_to(broken)(int).exception(10), concurrent.futures.BrokenExecutor)


def test_what_was_submitted_is_finished_at_exit() -> None:
    """Though nobody shut the pool down, as with the standard library's."""
    program = (
        "import time\n"
        "from pegboard.parts.thread_pool import ThreadPool\n"
        "pool = ThreadPool(1, 'left')\n"
        "for number in range(3):\n"
        "    pool.submit(lambda n=number: (time.sleep(0.05), print(n, flush=True)))\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert ran.stdout.split() == ["0", "1", "2"]
    assert ran.stderr == ""


def test_a_pool_that_was_never_used_leaves_nothing_to_do_at_exit() -> None:
    """Whether it was shut down or not: no thread can be started any more then."""
    program = (
        "from pegboard.parts.thread_pool import ThreadPool\n"
        "ended, left = ThreadPool(1, 'ended'), ThreadPool(1, 'left')\n"
        "ended.shutdown()\n"
        "ended.shutdown()\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert (ran.stdout, ran.stderr) == ("", "")


AFTER_MAIN = """
import asyncio, threading
from pegboard import Session, task

@task
def work(x):
    return x

def late():
    threading.main_thread().join()
    with Session():
        print(work.map([1, 2]), work.submit(3).result(), asyncio.run(work.acall(4)))

threading.Thread(target=late).start()
"""


@pytest.mark.skipif(
    sys.version_info >= (3, 12), reason="Python starts no thread any more once the main one has ended"
)
def test_the_first_pool_may_be_made_after_the_main_thread_has_ended():
    """By a thread that goes on: maps, futures and awaited bodies work there as before."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", AFTER_MAIN],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert (done.stdout, done.stderr) == ("[1, 2] 3 4\n", "")
