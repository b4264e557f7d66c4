"""The plugin: what it measures of all four kinds of task, and its manners."""

from __future__ import annotations

import asyncio
import mmap
import subprocess
import sys
import threading
import time
from concurrent.futures import Executor, Future

import pytest

from pegboard import Session, task
from pegboard.testing import Recorder, check_plugin
from pegboard_resources import Measured, Resources


def fresh(size):
    """Take memory that the process did not have before: an allocator hands out again what was freed."""
    pages = mmap.mmap(-1, size)
    pages[::4096] = b"x" * -(-size // 4096)
    return pages


def burn(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


@task
def work(seconds, fails=False):
    burn(seconds)
    if fails:
        raise OSError("no")


@task
async def work_later(seconds):
    burn(seconds)
    await asyncio.sleep(0)


@task
def work_in_steps(seconds):
    burn(seconds)
    yield 1


@task
async def work_in_later_steps(seconds):
    burn(seconds)
    yield 1


@pytest.fixture
def session():
    with Session(Resources(interval=None), strict=True, inherit=False) as opened:
        yield opened


def test_it_has_the_manners_of_a_plugin():
    """Tasks of all kinds do the same with it as without, in one session after another."""
    check_plugin(lambda: Resources(interval=0.01))
    check_plugin(lambda: Resources(memory=True, allocations=True, interval=None))
    check_plugin(Resources, Measured("500MB"))


def test_the_cpu_time_of_a_function_is_that_of_its_thread(session):
    """CPU and wall time add up, and the most expensive call is kept."""
    work(0.02)
    work(0.0)
    time.sleep(0)
    usage = session[Resources].usage(work)
    assert (usage.calls, usage.cpu_calls) == (2, 2)
    assert 0.02 <= usage.cpu_max <= usage.cpu_seconds <= usage.wall_seconds < 5


def test_waiting_takes_no_cpu_time(session):
    """A call that sleeps has wall time alone."""

    @task
    def wait():
        time.sleep(0.05)

    wait()
    usage = session[Resources].usage(wait)
    assert usage.wall_max >= 0.05
    assert usage.cpu_max < 0.04


def test_parallel_calls_are_not_blamed_for_each_other(session):
    """A thread that waits has not used the CPU time of one that works beside it."""

    @task
    def wait(event):
        event.wait(10)

    done = threading.Event()
    waiting = wait.submit(done)
    work(0.05)
    done.set()
    waiting.result()
    assert session[Resources].usage(wait).cpu_seconds < 0.03


@pytest.mark.parametrize("kind", [work_later, work_in_steps, work_in_later_steps])
def test_the_cpu_time_of_what_takes_turns_is_not_known(session, kind):
    """Coroutines and streams have calls and wall time, and no guess at their CPU time."""
    kind.run(0.005)
    usage = session[Resources].usage(kind)
    assert (usage.calls, usage.cpu_calls, usage.cpu_seconds, usage.cpu_max) == (1, 0, None, None)
    assert usage.wall_seconds >= 0.005


def test_the_cpu_time_of_what_runs_in_another_process_is_not_known(session):
    """It is spent there, and nobody here can read it."""

    class Elsewhere(Executor):
        def submit(self, fn, /, *args, **kwargs):
            future = Future()
            future.set_result(fn(*args, **kwargs))
            return future

    with Session(executor=Elsewhere()):
        work.submit(0.0).result()
    assert session[Resources].usage(work).cpu_seconds is None
    assert session[Resources].usage(work).calls == 1


def test_failures_are_measured_too(session):
    """A call that fails has used what it used."""
    assert work.run(0.02, fails=True).status == "error"
    usage = session[Resources].usage(work)
    assert (usage.calls, usage.failures) == (1, 1)
    assert usage.cpu_seconds >= 0.02


def test_a_task_that_was_never_called_has_used_nothing(session):
    """Zeros and None, no error."""
    usage = session[Resources].usage(work)
    assert (usage.calls, usage.cpu_seconds, usage.rss_growth_max) == (0, None, None)


def test_without_memory_nothing_is_known_of_it(session):
    """Memory is measured where it is asked for."""
    work(0.0)
    assert session[Resources].usage(work).memory_calls == 0


def test_the_option_brings_the_plugin_and_measures_memory():
    """A task with Measured needs no plugin attached beforehand."""

    @task(Measured())
    def hold(size):
        return fresh(size)

    with Session(inherit=False, strict=True) as session:
        held = hold(20_000_000)
        usage = session[Resources].usage(hold)
    assert len(held) == 20_000_000
    assert usage.rss_growth_max >= 15_000_000
    assert usage.peak_max is None


def test_the_peak_of_allocations_is_that_of_the_call():
    """What a call allocates and frees again is seen, and a nested call's peak is its caller's too."""

    @task
    def inner(size):
        return len(bytearray(size))

    @task
    def outer(size):
        return inner(size)

    with Session(Resources(memory=True, allocations=True, interval=None), inherit=False) as session:
        outer(5_000_000)
        peaks = [session[Resources].usage(each).peak_max for each in (inner, outer)]
    assert all(5_000_000 <= peak < 6_000_000 for peak in peaks)


def test_tracemalloc_is_stopped_with_the_last_session_that_needs_it():
    """Allocations are traced while a session is open, and not after it."""
    import tracemalloc

    with Session(Resources(allocations=True, interval=None), inherit=False):
        with Session(Resources(allocations=True, interval=None), inherit=False):
            pass
        assert tracemalloc.is_tracing()
    assert not tracemalloc.is_tracing()


def test_an_inner_session_measures_into_the_same_instance(session):
    """An inherited plugin goes on in an inner session."""
    with Session() as inner:
        work(0.0)
        assert inner[Resources].usage(work).calls == 1
    work(0.0)
    assert session[Resources].usage(work).calls == 2


def test_threads_lose_no_measurement(session):
    """Calls of many threads are all counted, also beyond what is kept pending."""

    @task
    def nothing(x):
        return x

    nothing.map(range(5_000), concurrency=4)
    assert session[Resources].usage(nothing).calls == 5_000


def test_without_psutil_there_is_one_clear_message():
    """The session does not start, and says what to install."""
    program = (
        "import sys; sys.modules['psutil'] = None\n"
        "from pegboard import Session\n"
        "from pegboard_resources import PsutilMissing, Resources\n"
        "try:\n"
        "    Session(Resources()).__enter__()\n"
        "except PsutilMissing as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "pip install 'pegboard[resources]'" in done.stdout
    assert done.stderr == ""


def test_importing_it_imports_no_psutil():
    """What is slow or may be missing is imported when a session starts."""
    program = (
        "import sys, pegboard_resources; print(sorted({'psutil', 'prometheus_client'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"interval": 0}, ValueError),
        ({"interval": -1.0}, ValueError),
        ({"interval": float("nan")}, ValueError),
        ({"interval": "5s"}, TypeError),
        ({"interval": True}, TypeError),
        ({"memory": "500MB"}, TypeError),
        ({"allocations": 1}, TypeError),
    ],
)
def test_bad_settings_are_refused(arguments, error):
    """A wrong argument is refused where it is written."""
    with pytest.raises(error):
        Resources(**arguments)


def test_other_plugins_see_no_difference():
    """Every call is told once, with the plugin between."""
    recorder = Recorder()
    with Session(Resources(memory=True, interval=None), recorder, strict=True, inherit=False):
        work(0.0)
    assert recorder.log() == [
        "before_execute",
        "before_attempt 1",
        "after_attempt 1",
        "after_execute ok/run 1",
    ]
