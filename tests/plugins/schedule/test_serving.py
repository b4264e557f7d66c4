from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime

import pytest

from pegboard import Session, task
from pegboard.testing import FakeClock
from pegboard_schedule import At, Every, ScheduleError, Scheduling, When

PROGRAM = """
import time
from pegboard import Session, task
from pegboard.testing import FakeClock
from pegboard_schedule import At, Every, Scheduling

@task(At(None))
def slow():
    print("begun", flush=True)
    time.sleep(0.3)
    print("ended", flush=True)

with Session(Scheduling(slow)) as session:
    session[Scheduling].serve()
    print("served", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_cleanly_and_lets_what_runs_end(number):
    """A process that serves, from end to end."""
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", PROGRAM], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout.readline() == "begun\n"
            process.send_signal(number)
            out, _ = process.communicate(timeout=20)
        finally:
            process.kill()
    assert (out, process.returncode) == ("ended\nserved\n", 0)


def test_serving_goes_through_a_fake_clocks_time_at_once(schedule, times, clock):
    """Waits are the clock's sleeps, so an hour of a schedule is tested in no time."""

    @task
    def end():
        schedule.stop()

    schedule.add(times, Every(600))
    schedule.add(end, Every(3_601))
    schedule.serve()
    assert times.seen == [600, 1_200, 1_800, 2_400, 3_000, 3_600]


def run(program: str, *signals: tuple[str, signal.Signals]) -> tuple[int, list[str], str]:
    """Start a program, send it each signal once it has said a line, and return its status and what it said then."""
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", PARTS + program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            for line, number in signals:
                assert process.stdout.readline() == f"{line}\n"
                process.send_signal(number)
            out, errors = process.communicate(timeout=30)
        finally:
            process.kill()
    return process.returncode, out.splitlines(), errors


PARTS = """
import os, signal, threading, time
from pegboard import Session, hookimpl, install_sigterm, task
from pegboard_schedule import At, Every, Scheduling

def say(text):
    os.write(1, (text + "\\n").encode())

class Tells:
    name = "tells"
    @hookimpl
    def session_draining(self): say("draining")
    @hookimpl
    def session_end(self): say("session ended")

@task(At(None))
def slow():
    say("begun")
    time.sleep(0.3)
    say("ended")

@task(At(None))
def hangs():
    say("begun")
    time.sleep(60)
"""


@pytest.mark.parametrize("installed", ["install_sigterm()", ""], ids=["installed", "alone"])
def test_sigterm_drains_the_session(installed):
    """With `install_sigterm()` and without: what runs ends, serve() returns and the program ends with 0."""
    program = f"""
{installed}
with Session(Tells(), Scheduling(slow)) as session:
    session[Scheduling].serve()
    say(f"served {{session.is_draining}}")
"""
    status, out, errors = run(program, ("begun", signal.SIGTERM))
    assert (status, sorted(out[:2]), out[2:], errors) == (
        0,
        ["draining", "ended"],
        ["served True", "session ended"],
        "",
    )


@pytest.mark.parametrize("before", ["", "install_sigterm(grace=1)"], ids=["alone", "installed"])
def test_what_outlives_the_grace_is_left(before):
    """The sessions are ended, and the process with 143."""
    program = f"""
{before}
with Session(Tells(), Scheduling(hangs)) as session:
    session[Scheduling].serve(grace=1)
    say("served")
"""
    status, out, errors = run(program, ("begun", signal.SIGTERM))
    assert (status, out) == (143, ["draining", "session ended"])
    assert "was not left in time" in errors


def test_the_second_sigterm_ends_at_once():
    """Nothing is waited for."""
    program = """
with Session(Tells(), Scheduling(hangs)) as session:
    session[Scheduling].serve()
"""
    assert run(program, ("begun", signal.SIGTERM), ("draining", signal.SIGTERM)) == (143, [], "")


def test_the_second_ctrl_c_is_a_keyboard_interrupt():
    """As it was before."""
    program = """
@task(At(None))
def twice():
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.3)
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(0.3)

with Session(Scheduling(twice)) as session:
    try:
        session[Scheduling].serve()
    except KeyboardInterrupt:
        say("interrupted")
"""
    assert run(program) == (0, ["interrupted"], "")


def test_ctrl_c_drains_nothing():
    """Served again, it serves."""
    program = """
with Session(Scheduling(slow)) as session:
    session[Scheduling].serve()
    session[Scheduling].add(slow)
    threading.Timer(1, session[Scheduling].stop).start()
    session[Scheduling].serve()
    say(f"{session.is_draining}")
"""
    assert run(program, ("begun", signal.SIGINT)) == (0, ["ended", "begun", "ended", "False"], "")


def test_handlers_are_chained_and_restored():
    """Somebody else's handler is called too, and is back in place at the end; it ends the process, whatever the grace."""
    program = """
def theirs(number, frame):
    say("theirs")

signal.signal(signal.SIGTERM, theirs)
with Session(Tells(), Scheduling(slow)) as session:
    session[Scheduling].serve(grace=0.2)
    say(f"{signal.getsignal(signal.SIGTERM) is theirs} {signal.getsignal(signal.SIGINT) is signal.default_int_handler}")
    time.sleep(0.5)
"""
    status, out, errors = run(program, ("begun", signal.SIGTERM))
    assert (status, sorted(out), errors) == (
        0,
        ["True True", "draining", "ended", "session ended", "theirs"],
        "",
    )


def test_another_thread_leaves_signals_alone(schedule, times):
    """Only the main thread may set handlers."""
    before, seen = signal.getsignal(signal.SIGTERM), []

    @task
    def look():
        seen.append(signal.getsignal(signal.SIGTERM))
        schedule.stop()

    schedule.add(look, At(None))
    thread = threading.Thread(target=schedule.serve)
    thread.start()
    thread.join(10)
    assert seen == [before]


@pytest.mark.parametrize("grace", [0, -1, "1", float("nan")])
def test_a_grace_that_is_no_time_is_refused(schedule, grace):
    """Nothing runs."""
    with pytest.raises((TypeError, ValueError), match="grace"):
        schedule.serve(grace=grace)


def test_a_session_that_drains_begins_no_runs():
    """However they would begin; what runs goes on, and serve() returns when it is over."""
    begun, gate, ended = threading.Event(), threading.Event(), []

    @task(At(None))
    def slow():
        begun.set()
        assert gate.wait(10)
        ended.append(1)

    with Session(Scheduling(slow), inherit=False) as session:
        schedule = session[Scheduling]
        serving = threading.Thread(target=schedule.serve)
        serving.start()
        assert begun.wait(10)
        session.drain()
        schedule.add(slow)
        assert schedule.run_pending() == []
        assert serving.is_alive()
        gate.set()
        serving.join(10)
        assert not serving.is_alive()
        schedule.start()
        schedule.serve()
    assert ended == [1]


def test_runs_that_wait_for_others_are_given_up_when_it_drains():
    """With a file, the next process makes them up."""
    begun, gate, ran = threading.Event(), threading.Event(), []

    @task
    def slow():
        ran.append(1)
        begun.set()
        assert gate.wait(10)

    with Session(Scheduling(), FakeClock(), inherit=False) as session:
        schedule = session[Scheduling]
        schedule.add(slow, Every(1, overlap="queue"))
        pending = threading.Thread(target=schedule.run_pending)
        session.clock.advance(1)
        pending.start()
        assert begun.wait(10)
        session.clock.advance(1)
        waiting = threading.Thread(target=schedule.run_pending)
        waiting.start()
        while not schedule.scheduled()[0].waiting:
            pass
        session.drain()
        waiting.join(10)
        assert not waiting.is_alive()
        gate.set()
        pending.join(10)
    assert ran == [1]


def test_started_it_runs_in_a_thread_until_stopped():
    """With the system's clock; what is added wakes it."""
    ran = threading.Event()
    with Session(Scheduling(), inherit=False) as session:
        session[Scheduling].start()
        session[Scheduling].start()
        assert [thread.name for thread in threading.enumerate()].count("pegboard-schedule") == 1
        session[Scheduling].add(task(ran.set, name="job"), At(None))
        assert ran.wait(10)
        session[Scheduling].stop()
        assert "pegboard-schedule" not in [thread.name for thread in threading.enumerate()]
        session[Scheduling].stop()


def test_stopping_waits_for_what_runs_and_gives_up_what_has_not_begun(tmp_path):
    """What never began is due again in the next process."""
    from concurrent.futures import ThreadPoolExecutor

    begun, gate, ran = threading.Event(), threading.Event(), []

    @task(At(None))
    def slow():
        begun.set()
        assert gate.wait(10)
        ran.append("slow")

    @task(At(datetime(2020, 1, 1, tzinfo=UTC)))
    def waits():
        ran.append("waits")

    plugin = Scheduling(path=tmp_path / "runs.db")
    with ThreadPoolExecutor(1) as pool, Session(plugin, executor=pool, inherit=False):
        plugin.add(slow)
        plugin.start()
        assert begun.wait(10)
        plugin.add(waits)
        going = plugin._ready().launcher._going
        while len(going) < 2:
            pass
        stopping = threading.Thread(target=plugin.stop)
        stopping.start()
        while len(going) > 1:
            pass
        assert stopping.is_alive()
        gate.set()
        stopping.join(10)
        assert ran == ["slow"]
        assert not stopping.is_alive()
    with Session(plugin, executor="inline", inherit=False) as session:
        plugin.add(waits)
        assert [run.id for run in session[Scheduling].run_pending()] == ["waits"]


def test_a_session_that_ends_stops_its_schedule():
    """Nothing goes on after it."""
    with Session(Scheduling(), inherit=False) as session:
        session[Scheduling].add(task(lambda: None, name="job"), Every(60))
        session[Scheduling].start()
    assert "pegboard-schedule" not in [thread.name for thread in threading.enumerate()]


def test_it_runs_once_at_a_time(schedule):
    """Serving twice would run every job twice."""
    refused = []

    def condition():
        with pytest.raises(ScheduleError, match="already"):
            schedule.serve()
        refused.append(1)
        schedule.stop()

    schedule.add(task(lambda: None, name="job"), When(condition))
    schedule.serve()
    assert refused == [1]


def test_serving_in_an_event_loop_is_refused(schedule):
    """It would stand still."""

    async def main():
        schedule.serve()

    with pytest.raises(ScheduleError, match=r"start\(\)"):
        asyncio.run(main())


WAYS = {
    "started": lambda schedule: schedule.start(),
    "asked": lambda schedule: schedule.run_pending(),
    "removed": lambda schedule: schedule.remove("late"),
}


@pytest.mark.parametrize("brought", [True, False], ids=["with it", "added"])
def test_a_schedule_that_nobody_has_run_is_told_of_at_its_end(brought, caplog):
    """With an entry, and the ways to run it; in the next session anew."""

    @task(Every(60), name="late")
    def late(): ...

    plugin = Scheduling(*[late] * brought)
    for _ in range(2):
        caplog.clear()
        with Session(plugin, inherit=False):
            if not brought:
                plugin.add(late)
        assert "nothing was run" in caplog.text
        assert "late" in caplog.text
        assert "start()" in caplog.text


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_nothing_is_said_of_one_that_was_run_or_has_nothing_to_run(way, caplog):
    """Once is enough."""

    @task(Every(60), name="late")
    def late(): ...

    with Session(Scheduling(), inherit=False) as session:
        session[Scheduling].add(late)
        way(session[Scheduling])
    assert not caplog.records


def test_a_forked_child_says_nothing_of_its_parents_schedule():
    """Who runs it is the parent's to see to."""
    program = """
import os
from pegboard import Every, Scheduling, Session, task
with Session(Scheduling(task(Every(60))(lambda: None))) as session:
    pid = os.fork()
    if pid:
        session[Scheduling].run_pending()
if pid:
    os.waitpid(pid, 0)
"""
    ignored = "ignore:This process:DeprecationWarning"
    done = subprocess.run(
        [sys.executable, "-W", ignored, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr == ""
