"""Submitting, looking, steering, ending."""

from __future__ import annotations

import contextvars
import subprocess
import sys
import threading
import time

import pytest

from pegboard import MissingPlugin, Session, Suspended, current_call, task
from pegboard.testing import FakeClock, Recorder
from pegboard_queue import (
    DuplicateItem,
    IllegalTransition,
    Item,
    ItemCancelled,
    ManagerClosed,
    State,
    TaskManager,
    UnknownItem,
    current_item,
)


@task
def double(x: int) -> int:
    return 2 * x


@task
async def adouble(x: int) -> int:
    return 2 * x


@task
def count(x: int):
    yield from range(x)


@task
async def acount(x: int):
    for each in range(x):
        yield each


@task
def fail(error: Exception) -> None:
    raise error


def queue_threads() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name.startswith("pegboard-queue")]


@pytest.mark.parametrize(
    ("work", "value"), [(double, 6), (adouble, 6), (count, [0, 1, 2]), (acount, [0, 1, 2])]
)
def test_every_kind_of_task_runs(manager, work, value: object) -> None:
    """Row 68: streams give the list of their items."""
    assert manager.submit(work, (3,)).wait(5) == value
    assert manager.submit(work, kwargs={"x": 3}).wait(5) == value


def test_a_plain_function_and_a_method_run(manager) -> None:
    """Row 67."""

    class Shelf:
        @task
        def size(self, more: int) -> int:
            return 1 + more

    assert manager.submit(len, ("abc",)).wait(5) == 3
    assert manager.submit(Shelf().size, (2,)).wait(5) == 3


def test_the_best_of_what_is_ready_when_a_slot_frees(manager, gate, changes) -> None:
    """Rule 42: a later high item overtakes, ties go by submission, and ten does not sort before nine."""
    manager.submit(gate, name="first")
    assert gate.running.wait(5)
    for name, priority in [("a", 9), ("b", 10), ("c", 9), ("low", -1), ("late", 100)]:
        manager.submit(double, (1,), name=name, priority=priority)
    gate.open.set()
    manager.join()
    assert [item for item, _, new in changes.told if new == "running"] == [
        "first",
        "late",
        "b",
        "a",
        "c",
        "low",
    ]


def test_no_more_run_at_once_than_there_are_slots(session, gates) -> None:
    """Row 68: `workers` counts functions and coroutines."""
    with TaskManager(2) as manager:
        made = [gates() for _ in range(3)]
        for each in made:
            manager.submit(each)
        assert made[0].running.wait(5)
        assert made[1].running.wait(5)
        assert manager.statistics().running == 2
        assert not made[2].running.is_set()
        for each in made:
            each.open.set()


def test_an_item_carries_session_and_context_of_its_submission(session) -> None:
    """Row 68: it is a call like any other."""
    colour = contextvars.ContextVar("colour", default="none")
    recorder = Recorder()

    @task
    def look() -> tuple[str, object]:
        return colour.get(), current_call().parent

    @task
    def outer() -> Item:
        colour.set("red")
        return manager.submit(look)

    with Session(recorder), TaskManager(1) as manager:
        item = outer()
        shade, parent = item.wait(5)
    assert shade == "red"
    assert parent.task is outer
    assert recorder.unbalanced() == []
    assert [event.subject.id for event in recorder.of("before_execute")] == [parent.id, item.result.call_id]


def test_a_bare_thread_submits_in_the_managers_session(manager, session, changes) -> None:
    """Row 68: a thread has no session of its own, and its items would go unseen."""

    @task
    def where() -> Session:
        return current_call().session

    items = []
    thread = threading.Thread(target=lambda: items.append(manager.submit(where, name="where")))
    thread.start()
    thread.join()
    assert items[0].wait(5) is session
    assert changes.of("where") == ["ready", "running", "completed"]


def test_names_and_ids_find_an_item(manager) -> None:
    """Row 68: an unknown one raises."""
    item = manager.submit(double, (1,), name="one")
    item.wait(5)
    assert manager.get("one") is manager.get(item.id) is manager.get(item) is item
    for wanted in ("two", f"{manager.id}-99", "other-1", Item(double, (1,))):
        with pytest.raises(UnknownItem):
            manager.get(wanted)


def test_a_name_that_several_items_have_finds_none(manager) -> None:
    """Row 70: better no answer than one by chance."""
    manager.submit(double, (1,))
    manager.submit(double, (2,))
    with pytest.raises(UnknownItem, match="2 items are called 'double'"):
        manager.get("double")


def test_a_given_name_is_for_one_item_at_a_time(manager, gate) -> None:
    """And free again when that one has ended."""
    first = manager.submit(gate, name="nightly")
    with pytest.raises(DuplicateItem):
        manager.submit(double, (1,), name="nightly")
    assert manager.statistics().submitted == 1
    gate.open.set()
    first.wait(5)
    second = manager.submit(double, (1,), name="nightly")
    assert manager.get("nightly") is second
    assert manager.get(first.id) is first


def test_items_are_listed_by_state(manager, gate) -> None:
    """Row 68."""
    manager.submit(gate, name="a")
    assert gate.running.wait(5)
    waiting = manager.submit(double, (1,), depends_on="a")
    assert manager.list("waiting") == manager.list(State.WAITING) == [waiting]
    assert [item.name for item in manager.list()] == ["a", "double"]
    with pytest.raises(ValueError, match="done"):
        manager.list("done")


def test_wait_raises_the_tasks_own_error(manager) -> None:
    """Row 68: the same object; the manager goes on."""
    error = OSError("disk")
    item = manager.submit(fail, (error,))
    with pytest.raises(OSError, match="disk") as caught:
        manager.wait(item)
    assert caught.value is error is item.error
    assert manager.submit(double, (1,)).wait(5) == 2


def test_a_wait_that_times_out_cancels_nothing(manager, gate) -> None:
    """Row 68."""
    item = manager.submit(gate)
    with pytest.raises(TimeoutError, match="nothing was cancelled"):
        item.wait(0.01)
    with pytest.raises(TimeoutError):
        manager.join(0.01)
    gate.open.set()
    assert item.wait(5) == "through"


def test_counts_add_up(manager, gate) -> None:
    """Row 71: a failing item never stops the rest."""
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


def test_a_function_that_runs_is_told_of_its_cancellation(manager) -> None:
    """Rule 43: its result is dropped, and it holds its slot to its end."""
    began = threading.Event()

    @task
    def long() -> str:
        began.set()
        while not current_item().is_cancelled:
            time.sleep(0.001)
        return "dropped"

    item = manager.submit(long)
    assert began.wait(5)
    item.cancel()
    with pytest.raises(ItemCancelled):
        item.wait(5)
    manager.join(5)
    assert (item.state, item.value) == (State.CANCELLED, None)


def test_a_coroutine_that_runs_is_cancelled(manager) -> None:
    """Rule 43."""
    import asyncio

    began, ended = threading.Event(), []

    @task
    async def long() -> None:
        began.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    item = manager.submit(long)
    assert began.wait(5)
    item.cancel()
    manager.join(5)
    assert (item.state, ended) == (State.CANCELLED, ["cancelled"])


def test_only_a_failed_item_is_retried(manager) -> None:
    """Row 69, rule 43; and then it runs anew."""
    errors = [ValueError()]

    @task
    def once() -> str:
        if errors:
            raise errors.pop()
        return "well"

    item = manager.submit(once)
    with pytest.raises(ValueError):
        item.wait(5)
    item.retry()
    assert item.wait(5) == "well"
    assert item.error is None
    with pytest.raises(IllegalTransition, match=r"once.*completed"):
        item.retry()
    assert item.state is State.COMPLETED


def test_a_paused_item_stays_until_it_is_resumed(manager, gate) -> None:
    """Row 69."""
    manager.submit(gate)
    assert gate.running.wait(5)
    item = manager.submit(double, (1,))
    item.pause()
    later = manager.submit(double, (2,))
    gate.open.set()
    assert later.wait(5) == 4
    assert item.state is State.PAUSED
    item.resume()
    assert item.wait(5) == 2


def test_a_paused_manager_starts_nothing(manager) -> None:
    """Row 69."""
    manager.pause()
    item = manager.submit(double, (1,))
    with pytest.raises(TimeoutError):
        item.wait(0.01)
    assert item.state is State.READY
    manager.resume()
    assert item.wait(5) == 2


def test_a_task_that_suspends_itself_is_paused(manager) -> None:
    """A suspended call is no failure: `resume` takes it up."""
    parked = [1]

    @task
    def park() -> str:
        if parked:
            parked.pop()
            raise Suspended
        return "taken up"

    item = manager.submit(park)
    while item.state is not State.PAUSED:
        time.sleep(0.001)
    item.resume()
    assert item.wait(5) == "taken up"


def test_an_exit_in_a_task_fails_its_item_alone(manager) -> None:
    """Row 71: a thread of the manager is no place to end the program from."""

    @task
    def leave() -> None:
        raise SystemExit(3)

    item = manager.submit(leave)
    with pytest.raises(SystemExit):
        item.wait(5)
    assert item.state is State.FAILED
    assert manager.submit(double, (1,)).wait(5) == 2


def test_leaving_the_block_waits_for_all_and_ends_every_thread(session) -> None:
    """Row 68: nothing goes on in the background."""
    with TaskManager(3) as manager:
        items = [manager.submit(double if index % 2 else adouble, (index,)) for index in range(50)]
    assert [item.value for item in items] == [2 * index for index in range(50)]
    assert queue_threads() == []
    with pytest.raises(ManagerClosed):
        manager.submit(double, (1,))
    manager.close()


def test_an_error_in_the_block_cancels(session, gate) -> None:
    """Row 68: what runs is waited for, and what is paused does not hold it up."""
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
    """Row 68: as after `task.submit`; paused ones are cancelled, and the manager ends with its session."""
    with Session(inherit=False):
        manager = TaskManager(1)
        running = manager.submit(gate)
        assert gate.running.wait(5)
        paused = manager.submit(double, (1,))
        paused.pause()
        threading.Timer(0.05, gate.open.set).start()
    assert (running.state, paused.state) == (State.COMPLETED, State.CANCELLED)
    assert queue_threads() == []


def test_many_threads_submit_at_once(session) -> None:
    """Row 68: every item runs once."""
    done = []
    with TaskManager(4) as manager:
        threads = [
            threading.Thread(target=lambda: [manager.submit(done.append, (each,)) for each in range(200)])
            for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(done) == manager.statistics().completed == 1200


def test_only_so_many_ended_items_are_kept(session) -> None:
    """`keep`: the counts go on, and an item in hand stays whole."""
    with TaskManager(1, keep=2) as manager:
        items = [manager.submit(double, (index,)) for index in range(5)]
        manager.join()
        assert manager.list() == items[3:]
        assert manager.statistics().completed == 5
        assert items[0].wait() == 0
        with pytest.raises(UnknownItem, match="keep"):
            manager.get(items[0].id)


def test_a_forgotten_item_is_known_again_when_it_is_retried(session) -> None:
    """`keep`."""
    errors = [ValueError()]

    @task
    def once() -> None:
        if errors:
            raise errors.pop()

    with TaskManager(1, keep=0) as manager:
        item = manager.submit(once)
        with pytest.raises(ValueError):
            item.wait(5)
        item.retry()
        item.wait(5)
        assert manager.statistics().completed == 1
        assert manager.list() == []


def test_an_item_made_by_hand_is_submitted_once(manager) -> None:
    """Row 67."""
    item = Item(double, (4,), priority=2)
    assert manager.submit(item) is item
    assert item.wait(5) == 8
    with pytest.raises(IllegalTransition, match="submitted before"):
        manager.submit(item)


def test_times_come_from_the_sessions_clock() -> None:
    """Row 67: UTC, and no duration before the start."""
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


def test_a_session_that_attaches_nothing_by_itself_says_what_is_missing() -> None:
    """Promise 6."""
    with (
        Session(strict_plugins=True, inherit=False),
        pytest.raises(MissingPlugin, match=r"Session\(Queue\(\)"),
    ):
        TaskManager()


def test_without_a_session_items_run_all_the_same() -> None:
    """The process-wide session serves."""
    with TaskManager(1) as manager:
        assert manager.submit(double, (1,)).wait(5) == 2


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
    """Row 68: what runs is waited for at exit."""
    code = (
        "import time\nfrom pegboard import task\nfrom pegboard_queue import TaskManager\n"
        "@task\ndef slow(): time.sleep(0.1); print('slow')\n@task\nasync def quick(): print('quick')\n"
        "manager = TaskManager()\nmanager.submit(quick).wait()\nmanager.submit(slow)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=True)
    assert ran.stdout.split() == ["quick", "slow"]
    assert ran.stderr == ""
