from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime

import pytest

from pegboard import Session, task
from pegboard_schedule import At, Every, ScheduleError, Scheduling, When
from pegboard_schedule._signals import stopping_on_signals

PROGRAM = """
import time
from pegboard import Session, task
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


def test_handlers_are_chained_and_restored():
    """Somebody else's handler is called too, and is back in place after the first signal and after the end."""
    heard, stops = [], []

    def theirs(number, frame):
        heard.append(number)

    before = signal.signal(signal.SIGTERM, theirs)
    try:
        with stopping_on_signals(lambda: stops.append(1)):
            assert signal.getsignal(signal.SIGTERM) is not theirs
            signal.raise_signal(signal.SIGTERM)
            assert signal.getsignal(signal.SIGTERM) is theirs
        assert (heard, stops) == ([signal.SIGTERM], [1])
        with stopping_on_signals(lambda: stops.append(1)):
            pass
        assert signal.getsignal(signal.SIGTERM) is theirs
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGTERM, before)


def test_another_thread_leaves_signals_alone():
    """Only the main thread may set handlers."""
    before, seen = signal.getsignal(signal.SIGTERM), []

    def inside():
        with stopping_on_signals(lambda: None):
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    assert seen == [before]


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
