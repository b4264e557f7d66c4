"""Runs: their ids, leases and ends, and what becomes of them when the journal fails."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from contextvars import Context

import pytest
from sqlalchemy import Engine, event

from pegboard import Durability, Durable, Fallback, Retry, Session, Suspended, task
from pegboard.testing import FakeClock
from pegboard_durable import (
    Fenced,
    InRun,
    InvalidRunId,
    JournalDiverged,
    JournalUnavailable,
    RunNotResumable,
    Status,
    UnknownRun,
    UnknownTask,
    now,
    pause,
    state,
    step,
)
from pegboard_durable._tasks import TASKS


def done(value=None):
    return value


# One id is one run.


def test_a_run_id_given_twice_returns_the_first_runs_result(journal):
    """Also in another session, and by another instance of the plugin."""
    seen = []

    @task(Durable())
    def order(x):
        seen.append(x)
        return x

    for _ in range(2):
        with Session(Durability(journal)) as session:
            assert session[Durability].run(order, 1, run_id="o").unwrap() == 1
    assert seen == [1]


def test_a_run_id_with_other_arguments_is_an_error(journal):
    """The first run is not harmed."""

    @task(Durable())
    def order(x):
        return x

    with Session(Durability(journal)) as session:
        durability = session[Durability]
        durability.run(order, 1, run_id="o")
        with pytest.raises(JournalDiverged, match="An id stands for one run"):
            durability.run(order, 2, run_id="o")
        assert durability.get("o").value == 1


def test_a_run_that_goes_on_in_another_thread_is_waited_for(journal):
    """Whoever gives its id gets its result."""
    begun, go_on = threading.Event(), threading.Event()
    values = []

    @task(Durable())
    def order():
        begun.set()
        go_on.wait(10)
        return 7

    with Session(Durability(journal)) as session:
        run = session[Durability].run

        def call():
            with session:
                values.append(run(order, run_id="o").value)

        threads = [threading.Thread(target=call) for _ in range(2)]
        threads[0].start()
        begun.wait(10)
        threads[1].start()
        threading.Timer(0.05, go_on.set).start()
        assert asyncio.run(session[Durability].arun(order, run_id="o")).value == 7
        for thread in threads:
            thread.join()
    assert values == [7, 7]


def test_a_run_inside_a_run_is_an_error(journal):
    """A call is a step there."""

    @task(Durable())
    def inner():
        return 1

    @task(Durable())
    def outer():
        return session[Durability].run(inner)

    with Session(Durability(journal)) as session, pytest.raises(InRun, match="is a step"):
        outer()


# Faults are no outcomes.


def test_a_journal_that_fails_is_no_outcome_whatever_is_made_of_it(journal, full):
    """Each later step, recorded value, write of state and pause raises the same, and the run can be resumed."""
    raised, effects = [], []

    @task(Durable())
    def big(x):
        effects.append(x)
        return "x" * 100_000

    @task(Durable(), Fallback("instead"))
    def order():
        for attempt in (lambda: big(1), lambda: big(2), now, lambda: step("s", done), lambda: pause("p")):
            try:
                attempt()
            except Exception as error:  # noqa: BLE001 - as bodies do
                raised.append(error)
        try:
            state["x"] = 1
        except JournalUnavailable as error:
            raised.append(error)
        return "eaten"

    durability = Durability(journal)
    with Session(durability):
        durability.run(task(Durable())(done), run_id="before")
        durability._journal.close()  # the next connections find no space
        with full(), pytest.raises(JournalUnavailable, match="disk is full") as caught:
            durability.run(order, run_id="o")
        assert len(raised) == 6
        assert {id(error) for error in raised} == {id(caught.value)}
        assert durability.get("o").status is Status.RUNNING

        raised.clear()
        durability.signal("o", "p", "go")
        assert durability.resume("o").value == "eaten"
    assert raised == []
    assert effects == [1, 1, 2]


def test_a_full_disk_fails_nothing_and_the_run_is_resumed_when_there_is_space(journal, full):
    """In a coroutine too, whose rows are written in another thread."""

    @task(Durable(), Retry(3))
    async def big(x):
        return str(x) * 100_000

    @task(Durable())
    async def order():
        return [len(each) for each in await asyncio.gather(big(1), big(2))]

    durability = Durability(journal)
    with Session(durability):
        durability.run(task(Durable())(done), run_id="before")
        durability._journal.close()
        with full(), pytest.raises(JournalUnavailable):
            durability.run(order, run_id="o")
        assert durability.resume("o").value == [100_000, 100_000]


def test_without_a_journal_no_body_runs(tmp_path):
    """A session that cannot open it does not start."""
    (tmp_path / "journal.db").mkdir()
    with (
        pytest.raises(JournalUnavailable, match="directory"),
        Session(Durability(f"sqlite:///{tmp_path / 'journal.db'}")),
    ):
        pytest.fail("the session began")


def test_a_connection_that_is_lost_is_a_fault_and_the_next_one_serves(journal):
    """The run is over in this process, and can be resumed."""
    is_cut = []

    @task(Durable())
    def cut():
        if not is_cut:
            is_cut.append(
                durability._journal._connections.writing.opened().connection.dbapi_connection.close()
            )
        return 1

    @task(Durable())
    def calls_cut():
        return cut()

    durability = Durability(journal)
    with Session(durability):
        with pytest.raises(JournalUnavailable, match="closed"):
            durability.run(calls_cut, run_id="o")
        assert durability.get("o").status is Status.RUNNING
        assert durability.run(cut).value == 1


def test_a_journal_that_is_locked_is_waited_for_and_read_meanwhile(tmp_path, journal):
    """Reading takes no lock for writing."""
    order = task(Durable())(done)
    other = sqlite3.connect(tmp_path / "journal.db", isolation_level=None, check_same_thread=False)
    with Session(Durability(journal)) as session, closing(other):
        durability = session[Durability]
        durability.run(order, 1, run_id="before")
        other.execute("BEGIN IMMEDIATE")
        assert (durability.get("before").value, len(durability.runs())) == (1, 1)
        timer = threading.Timer(0.3, other.execute, ("COMMIT",))
        timer.start()
        assert durability.run(order, 2, run_id="after").value == 2
        timer.join()


# Who may go on with a run.


def elsewhere(function):
    """Call a function in a thread, which is in no session and no run, and return what it returns."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(Context().run, function).result(30)


CLOCKS = [
    pytest.param(0, False, id="at once"),
    pytest.param(29, False, id="within the lease"),
    pytest.param(31, True, id="after the lease"),
    pytest.param(3600, True, id="the clock went on an hour"),
    pytest.param(-20, False, id="the clock went back a little"),
    pytest.param(-3600, True, id="the clock went back an hour"),
]


@pytest.mark.parametrize(("passed", "is_free"), CLOCKS)
def test_a_run_of_a_living_process_is_free_when_its_lease_is_over_or_void(journal, passed, is_free):
    """Whoever takes it up ends it; the first is fenced, and changes nothing."""
    clock = FakeClock()
    found = []

    @task(Durable())
    def one():
        if not found:
            found.append(None)
            clock.advance(passed)
            found.append(elsewhere(take_up))
        return 1

    @task(Durable())
    def order():
        return one()

    def take_up():
        with Session(clock, Durability(journal)) as session:
            return [(run.id, run.value) for run in session[Durability].recover()]

    with Session(clock, Durability(journal)) as session:
        if is_free:
            with pytest.raises(Fenced):
                session[Durability].run(order, run_id="o")
        else:
            session[Durability].run(order, run_id="o")
        assert session[Durability].get("o").value == 1
    assert found[1] == ([("o", 1)] if is_free else [])


def test_a_coroutine_whose_run_was_taken_over_is_fenced(journal):
    """Its rows are written by another thread, which says so."""
    clock = FakeClock()
    found = []

    @task(Durable())
    async def one(x):
        if x == 1 and not found:
            found.append(None)
            clock.advance(100)
            found.append(await asyncio.to_thread(elsewhere, take_up))
        return x

    @task(Durable())
    async def order():
        return [await one(0), await one(1), await one(2)]

    def take_up():
        with Session(clock, Durability(journal)) as session:
            return [(run.id, run.value) for run in session[Durability].recover()]

    async def main():
        async with Session(clock, Durability(journal)) as session:
            with pytest.raises(Fenced):
                await session[Durability].arun(order, run_id="o")
            return (await session[Durability].aget("o")).value

    assert asyncio.run(main()) == [0, 1, 2]
    assert found[1] == [("o", [0, 1, 2])]


def test_a_lease_is_void_by_its_own_length_not_by_that_of_whoever_looks(journal):
    """A process with a longer lease is not robbed by one with a shorter one."""
    clock = FakeClock()

    @task(Durable())
    def order():
        return elsewhere(look)

    def look():
        with Session(clock, Durability(journal, lease=1)) as session:
            return session[Durability].recover()

    with Session(clock, Durability(journal, lease=1000)) as session:
        assert session[Durability].run(order).value == []


def test_heartbeats_keep_a_run(journal):
    """Though no step ends for longer than its lease."""

    @task(Durable())
    def order():
        time.sleep(0.6)
        return elsewhere(look)

    def look():
        with Session(Durability(journal, lease=0.2)) as session:
            return session[Durability].recover()

    with Session(Durability(journal, lease=0.2)) as session:
        assert session[Durability].run(order).value == []


def test_what_a_fenced_run_makes_of_it_is_not_recorded(journal):
    """Not even by an except of BaseException."""
    clock = FakeClock()

    @task(Durable())
    def one():
        clock.advance(100)
        elsewhere(take_up)
        return 1

    @task(Durable())
    def order():
        try:
            return one() if session.is_open and not taken else 2
        except BaseException:  # noqa: BLE001 - as bodies do
            return "eaten"

    taken = []

    def take_up():
        taken.append(1)
        with Session(clock, Durability(journal)) as other:
            return other[Durability].recover()

    with Session(clock, Durability(journal)) as session:
        with pytest.raises(Fenced):
            session[Durability].run(order, run_id="o")
        assert session[Durability].get("o").value == 2


# Recovery.


def test_a_session_takes_up_what_was_left_behind(journal):
    """With recover=True, in a thread of its own."""
    is_over = threading.Event()
    first = []

    @task(Durable())
    def order():
        if not first:
            first.append(1)
            raise KeyboardInterrupt
        is_over.set()
        return 5

    with Session(Durability(journal)) as session, pytest.raises(KeyboardInterrupt):
        session[Durability].run(order, run_id="o")
    with Session(Durability(journal, recover=True)) as session:
        assert is_over.wait(20)
        assert session[Durability].run(order, run_id="o").value == 5


def test_a_session_that_ends_gives_back_what_it_takes_up(journal, caplog):
    """Without a word, as it goes on elsewhere."""
    begun, go_on, first = threading.Event(), threading.Event(), []

    @task(Durable())
    def order():
        if not first:
            first.append(1)
            raise KeyboardInterrupt
        begun.set()
        go_on.wait(20)
        return 5

    with Session(Durability(journal)) as session, pytest.raises(KeyboardInterrupt):
        session[Durability].run(order, run_id="o")
    durability = Durability(journal, recover=True)
    with Session(durability):
        assert begun.wait(20)
    assert durability.get("o").status is Status.PENDING
    go_on.set()
    for thread in threading.enumerate():
        if thread.name == "pegboard-durable-recovery":
            thread.join(20)
    assert durability.get("o").status is Status.PENDING
    assert caplog.text == ""


def test_a_ctrl_c_in_the_middle_of_a_write_leaves_nothing_half_done(journal):
    """The connection is given up, and another one serves."""
    interrupts = []

    def interrupt(connection, cursor, statement, *rest):
        if statement.startswith("INSERT INTO pegboard_steps") and not interrupts:
            interrupts.append(statement)
            raise KeyboardInterrupt

    one = task(Durable())(done)

    @task(Durable())
    def order():
        return one(1) + one(2)

    with Session(Durability(journal)) as session:
        event.listen(Engine, "before_cursor_execute", interrupt)
        try:
            with pytest.raises(KeyboardInterrupt):
                session[Durability].run(order, run_id="o")
        finally:
            event.remove(Engine, "before_cursor_execute", interrupt)
        assert session[Durability].get("o").status is Status.PENDING
        assert session[Durability].resume("o").value == 3
    assert len(interrupts) == 1


def test_threads_of_a_run_write_side_by_side(journal):
    """In a map, whose items have an index each."""
    one = task(Durable())(done)

    @task(Durable())
    def order():
        return one.map(range(40))

    with Session(Durability(journal)) as session:
        assert session[Durability].run(order, run_id="o").value == list(range(40))
        keys = set(session[Durability]._journal.steps("o"))
    assert len(keys) == 40


def test_a_run_whose_task_is_not_loaded_is_set_aside(journal):
    """It is listed as ATTENTION, and goes on by its id when it is."""

    def made(answer):
        @task(Durable())
        def order():
            return answer()

        return order

    def interrupted():
        raise KeyboardInterrupt

    with Session(Durability(journal)) as session:
        order = made(interrupted)
        with pytest.raises(KeyboardInterrupt):
            session[Durability].run(order, run_id="o")
        TASKS._known.clear()
        recovered = session[Durability].recover()
        assert [(run.id, run.status) for run in recovered] == [("o", Status.ATTENTION)]
        assert session[Durability].recover() == []
        with pytest.raises(UnknownTask, match="Import the module of the task first"):
            session[Durability].resume("o")
        again = made(lambda: 3)
        assert session[Durability].resume("o").value == 3
        del again


def test_a_damaged_row_keeps_no_other_run_from_being_recovered(tmp_path, journal, caplog):
    """It is logged."""

    @task(Durable())
    def order(x):
        return pause("go")

    with Session(Durability(journal)) as session:
        durability = session[Durability]
        for name in ("a", "b"):
            durability.run(order, 1, run_id=name)
            durability.signal(name, "go", name)
        with closing(sqlite3.connect(tmp_path / "journal.db")) as other:
            other.execute("UPDATE pegboard_runs SET input = zeroblob(length(input)) WHERE id = 'a'")
            other.commit()
        assert [(run.id, run.value) for run in durability.recover()] == [("b", "b")]
    assert "row 'a' of its runs is not as it was written" in caplog.text


# Cancel.


def test_a_run_is_cancelled_at_its_next_step(journal):
    """Also by another instance, as that of another process; a step that runs goes on to its end."""
    ran = []

    @task(Durable())
    def one(x):
        if x == 1:
            elsewhere(cancel)
        ran.append(x)

    @task(Durable())
    def order():
        for x in range(4):
            one(x)

    def cancel():
        with Session(Durability(journal)) as session:
            session[Durability].cancel("o")

    with Session(Durability(journal)) as session:
        assert session[Durability].run(order, run_id="o").status is Status.CANCELLED
    assert ran == [0, 1]


def test_each_run_of_a_process_sees_its_own_cancel(journal):
    """Though another one has looked before."""
    both = threading.Barrier(2, timeout=20)
    ran = []

    @task(Durable())
    def one(name, x):
        ran.append((name, x))

    @task(Durable())
    def order(name):
        one(name, 0)
        both.wait()
        if name == "a":
            elsewhere(cancel)
            one(name, 1)
        both.wait()
        one(name, 2)

    def cancel():
        with Session(Durability(journal)) as session:
            session[Durability].cancel("b")

    durability = Durability(journal)

    def run(name):
        with session:
            return durability.run(order, name, run_id=name).status

    with Session(durability) as session, ThreadPoolExecutor(2) as pool:
        assert list(pool.map(run, "ab")) == [Status.DONE, Status.CANCELLED]
    assert ("b", 2) not in ran


def test_a_run_that_nobody_works_on_is_cancelled_at_once(journal):
    """It takes no signals any more."""

    @task(Durable())
    def order():
        pause("go")

    with Session(Durability(journal)) as session:
        durability = session[Durability]
        durability.run(order, run_id="o")
        assert durability.cancel("o").status is Status.CANCELLED
        with pytest.raises(RunNotResumable):
            durability.signal("o", "go")
        assert [after for _, _, after, _, _ in durability._journal.changes("o")] == [
            "RUNNING",
            "SUSPENDED",
            "CANCELLED",
        ]


def test_a_cancelled_loop_and_a_ctrl_c_are_no_outcomes(journal):
    """The run goes on when it is resumed."""

    @task(Durable())
    async def order():
        if first:
            raise first.pop()
        return 1

    for error in (asyncio.CancelledError(), KeyboardInterrupt()):
        first = [error]
        name = type(error).__name__
        with Session(Durability(journal)) as session:
            with pytest.raises(type(error)):
                session[Durability].run(order, run_id=name)
            assert session[Durability].get(name).status is Status.PENDING
            assert session[Durability].resume(name).value == 1


# Draining.


def test_a_draining_session_begins_no_steps(journal):
    """The run is given back, and goes on elsewhere."""
    ran = []

    @task(Durable())
    def one(x):
        if x == 1 and len(ran) == 1:
            session.drain()
        ran.append(x)
        return x

    @task(Durable())
    def order():
        return [one(x) for x in range(3)]

    with Session(Durability(journal)) as session:
        run = session[Durability].run(order, run_id="o")
        assert (run.status, ran) == (Status.PENDING, [0, 1])
        assert session[Durability].run(order, run_id="later").status is Status.PENDING
        with pytest.raises(Suspended):
            order()
    with Session(Durability(journal)) as session:
        assert session[Durability].resume("o").value == [0, 1, 2]
        assert session[Durability].resume("later").value == [0, 1, 2]
    assert ran == [0, 1, 2, 0, 1, 2]


def test_a_step_that_takes_longer_than_the_grace_is_given_up(journal):
    """What it returns then is not recorded."""

    @task(Durable())
    def one():
        session.drain()
        while durability.get("o").status is Status.RUNNING:
            time.sleep(0.005)
        return 1

    @task(Durable())
    def order():
        return one()

    durability = Durability(journal, grace=0.05)
    with Session(durability) as session, pytest.raises(Fenced, match="given back: its session drained"):
        durability.run(order, run_id="o")
    assert durability.get("o").status is Status.PENDING


# Bad input.


def test_there_is_no_run_of_an_unknown_id(journal):
    """For whatever is asked of it."""
    with Session(Durability(journal)) as session:
        durability = session[Durability]
        for ask in (durability.get, durability.resume, durability.cancel, durability.retry):
            with pytest.raises(UnknownRun, match="there is no run 'nobody'"):
                ask("nobody")
        with pytest.raises(UnknownRun):
            durability.signal("nobody", "go")


@pytest.mark.parametrize(
    "run_id", ["", "a b", "a/b", "a'; DROP TABLE runs; --", "a\x00b", "a\nb", "ä", "x" * 129, 7]
)
def test_an_id_that_is_none_is_refused(journal, run_id):
    """Before anything runs."""
    with Session(Durability(journal)) as session, pytest.raises(InvalidRunId, match="is no id of a run"):
        session[Durability].run(task(Durable())(done), run_id=run_id)


def test_lanes_of_coroutines_share_commits(journal):
    """And each keeps its own outcome."""

    @task(Durable())
    async def one(x):
        await asyncio.sleep(0)
        return x * 2

    @task(Durable())
    async def order():
        return await asyncio.gather(*(one(x) for x in range(50)))

    with Session(Durability(journal)) as session:
        assert session[Durability].run(order, run_id="o").value == [x * 2 for x in range(50)]
        assert len(session[Durability]._journal.steps("o")) == 50
        assert "pegboard-durable-writer" in {thread.name for thread in threading.enumerate()}
    assert "pegboard-durable-writer" not in {thread.name for thread in threading.enumerate()}
