"""A child process of a program that has a schedule."""

from __future__ import annotations

import logging
import os
import signal
import threading
import traceback
import warnings

import pytest

from pegboard import Session, task
from pegboard_schedule import Every, Scheduling, When

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")


def in_child(see):
    """Fork, and return what a function saw in the child, as text; one that hangs is ended by an alarm."""
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads, from Python 3.12 on
        pid = os.fork()
    if pid == 0:
        signal.signal(
            signal.SIGALRM, signal.SIG_DFL
        )  # the test runner's own would wait for the lock that hangs
        signal.alarm(20)
        try:
            told = str(see())
        except BaseException:  # noqa: BLE001 - the child has nobody else to tell
            told = traceback.format_exc()
        os.write(writer, told.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as file:
        told = file.read()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    return told


@pytest.mark.parametrize("stored", [False, True], ids=["in memory", "in a file"])
def test_a_child_runs_what_is_due_though_its_parent_runs_it_too(tmp_path, clock, stored):
    """A run and a question that go on are the parent's; the file is opened anew, and knows what the parent took."""
    gate, begun = threading.Event(), threading.Semaphore(0)

    @task(name="slow")
    def slow():
        begun.release()
        assert gate.wait(20)

    plugin = Scheduling(path=tmp_path / "runs" if stored else None, patience=0.05)
    with Session(plugin, clock, inherit=False):
        plugin.add(slow, Every(10))
        plugin.add(task(lambda: None, name="job"), When(gate.wait, every=1), id="asks")
        clock.advance(10)
        parts = plugin._ready()
        parts._launch(wait=True)
        assert begun.acquire(timeout=10)

        def child():
            gate.set()
            clock.advance(10)
            runs = plugin.run_pending()
            plugin.start()
            plugin.stop()
            return [(run.id, run.status) for run in runs], plugin._ready().asker.wait()

        assert in_child(child) == "([('asks', 'ok'), ('slow', 'ok')], False)"
        gate.set()
        while any(entry.running for entry in plugin.scheduled()):
            pass
        clock.advance(20)
        assert "slow" in [run.id for run in plugin.run_pending()]


@pytest.mark.slow
def test_forty_children_of_a_schedule_at_work_all_end(tmp_path, caplog):
    """Whatever its threads hold at that moment; a line on its way to a stream would be none of ours."""
    caplog.set_level(logging.CRITICAL, "pegboard.schedule")
    with Session(Scheduling(path=tmp_path / "runs"), inherit=False) as session:
        schedule = session[Scheduling]
        for n in range(20):
            schedule.add(task(lambda: None, name="job"), Every(0.001 + n / 1_000), id=f"every {n}")
            schedule.add(task(lambda: None, name="job"), When(lambda: True, every=0.002), id=f"when {n}")
        schedule.start()

        def child():
            schedule.add(task(lambda: 7, name="new"), Every(0.001, misfire="all"), id="new")
            schedule.pause("every 0")
            schedule.resume("every 0")
            schedule.run_pending()
            schedule.start()
            schedule.stop()
            return len(schedule.scheduled())

        assert [in_child(child) for _ in range(40)] == ["41"] * 40


def test_a_child_of_an_installed_session_runs_no_schedule_by_itself(pegboard_isolated, caplog):
    """The parent goes on to; the child says so at its first call, if the parent did run it."""
    ran = []
    job = task(lambda: ran.append(os.getpid()), name="job")
    session = Session(Scheduling(), quiet=True).install()
    schedule = session[Scheduling]
    schedule.add(job, Every(3600))
    other = task(lambda: None, name="other")

    def child():
        other()
        return schedule._ready().loop.is_running, [line for line in caplog.messages if "Scheduling()" in line]

    assert in_child(child) == "(False, [])"
    schedule.start()
    told = in_child(child)
    assert told.startswith("(False, [")
    assert "- Scheduling(): the parent runs the schedule" in told
    assert ran == []
    session.uninstall()
