"""Workers that end while they start, and workers that cannot be started."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest
import remote_tasks as tasks

from pegboard import On, Processes, Session, task
from pegboard.errors import WorkerDied
from pegboard.testing import Recorder
from pegboard_processes.pool import executor, starting

METHODS = pytest.mark.parametrize("method", ["spawn", "forkserver"])
placed = tasks.plus_one.with_options(On("processes"))
adds = task(On("processes"))(tasks.adds_async.__wrapped__)


@pytest.fixture
def ends_at_once(tmp_path, monkeypatch):
    """Have an interpreter that ends at once, so many times; the real one comes after that. The fork server is another one."""
    server = starting.ForkServer()
    monkeypatch.setattr(starting, "FORK_SERVER", server)
    monkeypatch.setattr(executor, "FORK_SERVER", server)

    def ends(times):
        left = tmp_path / "left"
        left.mkdir()
        for number in range(times):
            (left / str(number)).touch()
        program = tmp_path / "python"
        program.write_text(
            f'#!/bin/sh\nfor each in {left}/*; do rm "$each" 2>/dev/null && exit 1; done\nexec {sys.executable} "$@"\n'
        )
        program.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(program))

    return ends


@METHODS
@pytest.mark.parametrize("watched", [False, True], ids=["quick", "watched"])
def test_a_start_that_fails_costs_nothing(method, watched, ends_at_once):
    """Items whose worker ended before it was there are sent to the next one."""
    ends_at_once(4)
    recorder = Recorder()
    with Session(*([recorder] if watched else []), executor=Processes(2, start_method=method)):
        assert tasks.plus_one.map(range(200)) == list(range(1, 201))
    assert recorder.unbalanced() == []


@METHODS
@pytest.mark.parametrize(
    "call",
    [
        lambda: placed(1),
        lambda: asyncio.run(placed.acall(1)),
        lambda: tasks.plus_one.submit(1).result(),
        lambda: next(tasks.plus_one.imap([1])),
        lambda: adds.run(1).unwrap()[0],
    ],
    ids=["call", "acall", "submit", "imap", "coroutine"],
)
def test_a_start_that_fails_costs_nothing_however_it_is_called(method, call, ends_at_once):
    """One call at a time, too."""
    ends_at_once(3)
    with Session(executor=Processes(1, start_method=method)):
        assert call() == 2


@METHODS
def test_what_cannot_be_sent(method, ends_at_once):
    """When no worker can be started, each item is a WorkerDied that names it, says that it did not run, and the way out."""
    ends_at_once(10_000)
    recorder = Recorder()
    with Session(recorder, executor=Processes(1, start_method=method)):
        found = tasks.plus_one.map(range(3), on_error="collect")
        with pytest.raises(WorkerDied, match="could be started"):
            tasks.plus_one.submit(1).result()
    assert [(type(each), each.index) for each in found] == [(WorkerDied, index) for index in range(3)]
    assert all("did not run" in str(each) and "ulimit" in str(each) for each in found)
    assert recorder.unbalanced() == []


def test_what_one_worker_cannot_be_started_for_another_one_does(ends_at_once):
    """A pool of which only some workers can be started does all there is to do with those."""
    with Processes(2, start_method="spawn") as pool, Session(executor=pool):
        tasks.where.submit().result()  # one of them is there
        ends_at_once(10_000)
        found = list(tasks.took.imap([0.05] * 8, concurrency=4))
        assert found == [0.05] * 8
        assert len(set(tasks.where.map(range(20)))) == 1


WITHOUT_DESCRIPTORS = """
import os, resource, sys
sys.path.insert(0, {modules!r})
import remote_tasks as tasks
from pegboard import Processes, Session, WorkerDied
from pegboard.testing import Recorder

recorder = Recorder()
with Session(recorder, executor=Processes(2, start_method={method!r})):
    try:
        tasks.plus_one.map([object])  # all that is imported late is
    except TypeError:
        pass
with Session(recorder, executor=Processes(2, start_method={method!r})):
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (60, before[1]))
    held = []
    try:
        while True:
            held.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        os.close(held.pop())
        os.close(held.pop())
    found = tasks.plus_one.map(range(20), on_error="collect")
    assert all(type(each) is WorkerDied for each in found), found
    assert [each.index for each in found] == list(range(20))
    assert "Too many open files" in str(found[0])
    for each in held:
        os.close(each)
    open_before = len(os.listdir("/proc/self/fd"))
    assert tasks.plus_one.map(range(20)) == list(range(1, 21))
assert len(os.listdir("/proc/self/fd")) <= open_before
assert recorder.unbalanced() == []
print("done")
"""


@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_without_descriptors(method, tmp_path):
    """Running out of them is an error of each item; the map ends, nothing is left open, and later all is well again."""
    script = tmp_path / "script.py"
    modules = str(Path(__file__).parents[1] / "modules")
    script.write_text(WITHOUT_DESCRIPTORS.format(modules=modules, method=method))
    done = subprocess.run(
        [sys.executable, script],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=dict(os.environ),
    )
    assert (done.stdout, done.stderr) == ("done\n", "")
