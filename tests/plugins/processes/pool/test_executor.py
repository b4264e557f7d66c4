"""The executor of worker processes, by itself."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import threading
import time
from concurrent.futures import wait

import pytest
import remote_tasks as tasks

from pegboard import Processes, Session
from pegboard.errors import ConfigError


def children():
    """Return the processes that this one started, and those that these started."""
    lines = subprocess.run(
        ["ps", "-eo", "pid,ppid,stat,comm"], capture_output=True, text=True, check=True
    ).stdout.splitlines()[1:]
    parents = {int(pid): int(parent) for pid, parent, stat, name in map(str.split, lines) if name != "ps"}
    found = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {os.getpid()}


@pytest.mark.parametrize("method", ["forkserver", "spawn", "fork"])
def test_start_methods_do_the_same(method):
    """Results, errors, death and hard limits are the same, whatever starts the workers."""
    with Processes(workers=2, start_method=method) as pool, Session(executor=pool):
        assert tasks.plus_one.map(range(20)) == list(range(1, 21))
        found = tasks.dies_at_three.map(range(6), on_error="collect")
        assert [type(each).__name__ for each in found] == ["int", "int", "int", "WorkerDied", "int", "int"]
        before, _ = tasks.leaves_context.map([0])[0]
        assert before == "nowhere"
        future = pool.submit(time.sleep, 60)
        while not future.running():
            time.sleep(0.001)
        pool.kill(future)
        assert "ended before it answered" in str(future.exception())
        assert pool.submit(math.sqrt, 4).result() == 2


@pytest.mark.parametrize("method", ["forkserver", "spawn", "fork"])
def test_nothing_is_left(method):
    """When the session is over, no thread and no process is left, the fork server included."""
    threads, processes = set(threading.enumerate()), children()
    with Processes(workers=2, start_method=method) as pool, Session(executor=pool):
        tasks.fails.map(range(4), on_error="collect")
        tasks.dies_at_three.map(range(6), on_error="collect")
        assert children() != processes
    assert set(threading.enumerate()) <= threads
    assert children() == processes


def test_nothing_is_left_of_a_sessions_own_pool():
    """A session that made its pool ends it, also when an error ends the session."""
    threads, processes = set(threading.enumerate()), children()
    with pytest.raises(ZeroDivisionError), Session():
        tasks.placed(1)
        assert children() != processes
        raise ZeroDivisionError
    assert set(threading.enumerate()) <= threads
    assert children() == processes


def test_recycle_after():
    """A worker ends after so many runs, those of a chunk counted each; nothing is lost."""
    with Processes(workers=1, recycle_after=3) as pool, Session(executor=pool):
        pids = [tasks.where.submit().result() for _ in range(7)]
        assert len(set(pids)) == 3
        assert tasks.plus_one.map(range(50)) == list(range(1, 51))


def test_an_idle_worker_that_dies_costs_nothing(warm):
    """A worker that was killed while it waited is replaced before anything is sent."""
    pid = warm.submit(os.getpid).result()
    for _ in range(4):
        os.kill(warm.submit(os.getpid).result(), signal.SIGKILL)
    assert warm.submit(os.getpid).result() != pid


def test_what_was_not_begun_is_sent_again(warm):
    """A request whose worker left before it began it goes to another worker."""
    for _ in range(20):
        pid = warm.submit(os.getpid).result()
        os.kill(pid, signal.SIGTERM)
        assert warm.submit(math.sqrt, 9).result() == 3


def test_killing_what_waits_and_what_is_over(warm):
    """`kill` takes a request from the queue, ends the worker of one that runs, and leaves what is over alone."""
    running = [warm.submit(time.sleep, 30) for _ in range(2)]
    waiting = warm.submit(math.sqrt, 4)
    warm.kill(waiting)
    assert waiting.cancelled()
    for each in running:
        warm.kill(each)
    over = warm.submit(math.sqrt, 16)
    assert over.result() == 4
    warm.kill(over)
    assert over.result() == 4


def test_killing_at_any_moment(warm):
    """A request is over after `kill`, whichever moment of its beginning that hits."""
    for number in range(30):
        future = warm.submit(time.sleep, 60)
        time.sleep(number * 0.0001)
        warm.kill(future)
        assert future.done()


def test_a_worker_whose_child_outlives_it(warm):
    """The death of a worker is noticed also when a process that it forked keeps its connection open."""
    future = warm.submit(tasks.fork_and_die)
    with pytest.raises(Exception, match="ended before it answered"):
        future.result(timeout=5)


def test_queue_depth(warm):
    """`queue_depth` counts what no worker has taken yet."""
    running = [warm.submit(time.sleep, 30) for _ in range(2)]
    while not all(each.running() for each in running):
        time.sleep(0.001)
    more = [warm.submit(math.sqrt, 4) for _ in range(3)]
    assert warm.queue_depth == 3
    for each in running:
        warm.kill(each)
    wait(more)
    assert warm.queue_depth == 0


def test_shutdown():
    """After a shutdown nothing is taken; before, what waits is done, or cancelled on request."""
    pool = Processes(workers=1)
    futures = [pool.submit(math.sqrt, 4) for _ in range(5)]
    pool.shutdown()
    assert [each.result() for each in futures] == [2.0] * 5
    with pytest.raises(RuntimeError, match="shut down"):
        pool.submit(math.sqrt, 4)
    pool = Processes(workers=1)
    first = pool.submit(time.sleep, 0.2)
    while not first.running():
        time.sleep(0.001)
    second = pool.submit(math.sqrt, 4)
    pool.shutdown(cancel_futures=True)
    assert first.result() is None
    assert second.cancelled()
    pool.shutdown()


@pytest.mark.parametrize(
    ("wrong", "error", "text"),
    [
        ({"workers": 0}, ValueError, "from 1 to 10000"),
        ({"workers": 1.5}, TypeError, "whole number"),
        ({"recycle_after": True}, TypeError, "whole number"),
        ({"start_method": "thread"}, ConfigError, "forkserver, spawn, fork"),
    ],
    ids=str,
)
def test_wrong_settings(wrong, error, text):
    """A setting that means nothing is refused when the pool is made."""
    with pytest.raises(error, match=text):
        Processes(**wrong)


def test_fork_of_the_program(warm):
    """A fork inside a session with a pool works: the child makes workers of its own, and both end."""
    with Session(executor=warm):
        ours = tasks.where.submit().result()
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                theirs = tasks.where.submit().result()
                code = 0 if theirs != ours and tasks.plus_one.map([1, 2]) == [2, 3] else 2
                warm.shutdown()
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert tasks.plus_one.map([1, 2]) == [2, 3]


def test_surroundings_are_those_of_the_parent(tmp_path, monkeypatch):
    """Folder, environment and path are what they are at the parent when a worker starts, also with a running server."""
    with Processes(workers=1), Processes(workers=1) as first, Session(executor=first):
        tasks.where.submit().result()  # the fork server runs
        monkeypatch.setenv("REMOTE_TEST", "seen")
        (tmp_path / "deeper").mkdir()
        monkeypatch.chdir(tmp_path / "deeper")
        with Processes(workers=1) as pool, Session(executor=pool):
            assert tasks.surroundings.submit().result() == (str(tmp_path / "deeper"), "seen")


def test_path_added_later(tmp_path, monkeypatch, warm):
    """A module that a folder has which came onto the path after the workers started is found there."""
    with Session(executor=warm):
        tasks.plus_one.map([1, 2])
        (tmp_path / "found_later.py").write_text(
            "from pegboard import task\n@task\ndef twice(x):\n    return 2 * x\n"
        )
        monkeypatch.syspath_prepend(tmp_path)
        import found_later

        assert found_later.twice.map([1, 2, 3]) == [2, 4, 6]
