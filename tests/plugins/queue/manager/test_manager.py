"""Submitting, looking, steering, ending."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

from pegboard import Session, task
from pegboard.testing import FakeClock
from pegboard_queue import (
    ManagerClosed,
    State,
    TaskManager,
    UnknownItem,
)


@task
def double(x: int) -> int:
    return 2 * x


@task
async def adouble(x: int) -> int:
    return 2 * x


@task
def fail(error: Exception) -> None:
    raise error


def queue_threads() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name.startswith("pegboard-queue")]


def test_items_are_listed_by_state(manager, gate) -> None:
    """By the state or its name; a word that is no state is refused."""
    manager.submit(gate, name="a")
    assert gate.running.wait(5)
    waiting = manager.submit(double, (1,), depends_on="a")
    assert manager.list("waiting") == manager.list(State.WAITING) == [waiting]
    assert [item.name for item in manager.list()] == ["a", "double"]
    with pytest.raises(ValueError, match="done"):
        manager.list("done")


def test_wait_raises_the_tasks_own_error(manager) -> None:
    """The same object; the manager goes on."""
    error = OSError("disk")
    item = manager.submit(fail, (error,))
    with pytest.raises(OSError, match="disk") as caught:
        manager.wait(item)
    assert caught.value is error is item.error
    assert manager.submit(double, (1,)).wait(5) == 2


def test_a_wait_that_times_out_cancels_nothing(manager, gate) -> None:
    """The item goes on, and may be waited for again."""
    item = manager.submit(gate)
    with pytest.raises(TimeoutError, match="nothing was cancelled"):
        item.wait(0.01)
    with pytest.raises(TimeoutError):
        manager.join(0.01)
    gate.open.set()
    assert item.wait(5) == "through"


def test_counts_add_up(manager, gate) -> None:
    """A failing item never stops the rest."""
    manager.submit(gate, name="gate")
    manager.submit(fail, (ValueError(),), name="bad")
    manager.submit(double, (1,), depends_on="bad")
    manager.submit(double, (1,)).cancel()
    gate.open.set()
    manager.join()
    counts = manager.statistics()
    assert (counts.completed, counts.failed, counts.skipped, counts.cancelled) == (1, 1, 1, 1)
    assert counts.submitted == counts.total_processed == sum(counts.by_state.values()) == 4
    assert counts.pending == counts.running == 0


def test_leaving_the_block_waits_for_all_and_ends_every_thread(session) -> None:
    """Nothing goes on in the background."""
    with TaskManager(3) as manager:
        items = [manager.submit(double if index % 2 else adouble, (index,)) for index in range(50)]
    assert [item.value for item in items] == [2 * index for index in range(50)]
    assert queue_threads() == []
    with pytest.raises(ManagerClosed):
        manager.submit(double, (1,))
    manager.close()


def test_an_error_in_the_block_cancels(session, gate) -> None:
    """What runs is waited for, and what is paused does not hold it up."""
    with pytest.raises(KeyError), TaskManager(1) as manager:
        running = manager.submit(gate)
        assert gate.running.wait(5)
        ready = manager.submit(double, (1,))
        threading.Timer(0.05, gate.open.set).start()
        raise KeyError
    assert [running.state, ready.state] == [State.CANCELLED] * 2
    assert queue_threads() == []


def test_what_is_paused_is_cancelled_at_the_end(session) -> None:
    """A paused item could hold the end up for ever."""
    with TaskManager(1) as manager:
        manager.pause()
        item = manager.submit(double, (1,))
        manager.resume()
        manager.pause()
        behind = manager.submit(double, (1,), depends_on=[item])
    assert {item.state, behind.state} <= {State.CANCELLED, State.SKIPPED, State.COMPLETED}
    assert manager.statistics().total_processed == 2


def test_a_session_ends_after_the_items_that_run_in_it(gate) -> None:
    """As after `task.submit`; paused ones are cancelled, and the manager ends with its session."""
    with Session(inherit=False):
        manager = TaskManager(1)
        running = manager.submit(gate)
        assert gate.running.wait(5)
        paused = manager.submit(double, (1,))
        paused.pause()
        threading.Timer(0.05, gate.open.set).start()
    assert (running.state, paused.state) == (State.COMPLETED, State.CANCELLED)
    assert queue_threads() == []


def test_times_come_from_the_sessions_clock() -> None:
    """UTC, and no duration before the start."""
    clock = FakeClock(now=1000.0)

    @task
    def work() -> None:
        clock.advance(3)

    with Session(clock, inherit=False), TaskManager(1) as manager:
        manager.pause()
        item = manager.submit(work)
        assert (item.created_at, item.started_at, item.duration, item.ended_at) == (1000.0, None, None, None)
        clock.advance(2)
        manager.resume()
        item.wait(5)
    assert (item.started_at, item.ended_at, item.duration) == (1002.0, 1005.0, 3.0)


@pytest.mark.parametrize(
    ("submit", "error"),
    [
        (lambda manager: manager.submit(double(1)), TypeError),
        (lambda manager: manager.submit(dict), TypeError),
        (lambda manager: manager.submit(double, "abc"), TypeError),
        (lambda manager: manager.submit(double, 1), TypeError),
        (lambda manager: manager.submit(double, (1,), priority="high"), TypeError),
        (lambda manager: manager.submit(double, (1,), name=""), ValueError),
        (lambda manager: manager.submit(double, (1,), name=3), TypeError),
        (lambda manager: manager.submit(double, (1,), depends_on=[3]), TypeError),
        (lambda manager: manager.submit(double, (1,), depends_on="nobody"), UnknownItem),
        (lambda manager: manager.join(-1), ValueError),
        (lambda manager: manager.get(3), TypeError),
        (lambda _: TaskManager(0), ValueError),
        (lambda _: TaskManager("4"), TypeError),
        (lambda _: TaskManager(keep=-1), ValueError),
    ],
)
def test_what_means_nothing_is_refused(manager, submit, error: type[Exception]) -> None:
    """Where it is written, and nothing is submitted."""
    with pytest.raises(error):
        submit(manager)
    assert manager.statistics().submitted == 0


def test_a_manager_that_nobody_closes_does_not_keep_the_program() -> None:
    """What runs is waited for at exit."""
    code = (
        "import time\nfrom pegboard import task\nfrom pegboard_queue import TaskManager\n"
        "@task\ndef slow(): time.sleep(0.1); print('slow')\n@task\nasync def quick(): print('quick')\n"
        "manager = TaskManager()\nmanager.submit(quick).wait()\nmanager.submit(slow)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=True)
    assert ran.stdout.split() == ["quick", "slow"]
    assert ran.stderr == ""
