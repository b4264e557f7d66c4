"""Effects in the journal's own database, exactly once."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from contextvars import Context

import pytest
from sqlalchemy import text

from pegboard import Durability, Durable, Retry, Session, task
from pegboard_durable import (
    Fenced,
    JournalUnavailable,
    NotInRun,
    TransactionMisused,
    now,
    pause,
    sleep,
    state,
    step,
    transaction,
)
from pegboard_durable._position import POSITION

INSERT = text("INSERT INTO bookings VALUES (:n)")


def booked(tmp_path):
    with closing(sqlite3.connect(tmp_path / "journal.db")) as connection:
        return [n for (n,) in connection.execute("SELECT n FROM bookings ORDER BY n")]


@pytest.fixture
def session(tmp_path, journal):
    """A session with a journal in whose file there is a table of somebody else's."""
    with closing(sqlite3.connect(tmp_path / "journal.db")) as connection:
        connection.execute("CREATE TABLE bookings (n INTEGER)")
    with Session(Durability(journal)) as opened:
        yield opened


def root(function, *args):
    """Make a run of one step."""

    @task(Durable())
    def order():
        return step("book", function, *args)

    return order


def test_an_effect_is_committed_with_the_outcome_of_its_step(tmp_path, session):
    """Leaving the block does not commit it."""

    def book(n):
        with transaction() as connection:
            connection.execute(INSERT, {"n": n})
        return booked(tmp_path)

    assert session[Durability].run(root(book, 1)).unwrap() == []
    assert booked(tmp_path) == [1]


def test_a_step_of_a_coroutine_may_have_one(tmp_path, session):
    """Side by side with others, which wait for the lock."""

    @task(Durable())
    async def book(n):
        with transaction() as connection:
            connection.execute(INSERT, {"n": n})
        await asyncio.sleep(0)

    @task(Durable())
    async def plain(n):
        return n

    @task(Durable())
    async def order():
        await asyncio.gather(book(1), *(plain(n) for n in range(5)))
        await book(2)

    session[Durability].run(order).unwrap()
    assert booked(tmp_path) == [1, 2]


def test_an_error_that_leaves_the_block_undoes_the_effect(tmp_path, session):
    """Whether the step then fails or goes on."""

    def book(n, goes_on):
        try:
            with transaction() as connection:
                connection.execute(INSERT, {"n": n})
                {}[n]
        except KeyError:
            if not goes_on:
                raise

    assert isinstance(session[Durability].run(root(book, 1, False)).error, KeyError)
    assert session[Durability].run(root(book, 2, True)).unwrap() is None
    assert booked(tmp_path) == []


def test_what_a_failed_attempt_did_is_undone(tmp_path, session):
    """The next one begins anew."""

    @task(Durable(), Retry(2))
    def book():
        with transaction() as connection:
            connection.execute(INSERT, {"n": len(tries)})
        tries.append(1)
        if len(tries) < 3:
            raise OSError

    tries = []
    session[Durability].run(root(book)).unwrap()
    assert booked(tmp_path) == [2]


def test_until_the_first_write_others_go_on(session):
    """Reading takes no lock, and what is read is as new as can be when it does write."""

    def other():
        with Session(Durability(session[Durability]._journal.address)) as another:
            return another[Durability].run(root(lambda: 1)).unwrap()

    def book():
        with transaction() as connection:
            assert connection.execute(text("SELECT count(*) FROM bookings")).scalar() == 0
            with ThreadPoolExecutor(1) as pool:
                assert pool.submit(Context().run, other).result(20) == 1
            connection.execute(INSERT, {"n": 1})

    session[Durability].run(root(book)).unwrap()


def test_what_the_step_keeps_is_committed_with_it(tmp_path, session):
    """State and recorded values write nothing by themselves."""

    def book():
        with transaction() as connection:
            connection.execute(INSERT, {"n": 1})
            state["at"] = now()

    @task(Durable())
    def order():
        step("book", book)
        return state["at"] > 0

    assert session[Durability].run(order).unwrap() is True


@task(Durable())
def another():
    return 1


@pytest.mark.parametrize(
    "within",
    [another, lambda: sleep(1), lambda: pause("p"), lambda: step("x", another)],
    ids=["task", "sleep", "pause", "step"],
)
def test_it_cannot_go_across_another_step(tmp_path, session, within):
    """That would wait for a lock that the step itself holds."""

    def book():
        with transaction() as connection:
            connection.execute(INSERT, {"n": 1})
        within()

    error = session[Durability].run(root(book)).error
    assert isinstance(error, TransactionMisused)
    assert "cannot go across another step" in str(error)
    assert booked(tmp_path) == []


@pytest.mark.parametrize(
    "end",
    [
        lambda connection: connection.commit(),
        lambda connection: connection.exec_driver_sql("COMMIT"),
        lambda connection: connection.exec_driver_sql(" end transaction"),
        lambda connection: connection.exec_driver_sql("rollback;"),
    ],
    ids=["commit()", "COMMIT", "END", "ROLLBACK"],
)
def test_only_the_step_ends_it(tmp_path, session, end):
    """Nothing is committed without the outcome."""

    def book():
        with transaction() as connection:
            connection.execute(INSERT, {"n": 1})
            end(connection)

    assert isinstance(session[Durability].run(root(book)).error, TransactionMisused)
    assert booked(tmp_path) == []


def test_what_ends_it_unseen_is_no_outcome(tmp_path, session):
    """The step fails, and says so."""

    def book():
        with transaction() as connection:
            connection.execute(INSERT, {"n": 1})
            connection.exec_driver_sql("/* now */ COMMIT")

    error = session[Durability].run(root(book)).error
    assert isinstance(error, TransactionMisused)
    assert "or ended it: it has no outcome" in str(error)


def test_savepoints_are_the_bodys_own(tmp_path, session):
    """What is rolled back to one is not committed."""

    def book():
        with transaction() as connection:
            for n in (1, 2):
                with connection.begin_nested() as point:
                    connection.execute(INSERT, {"n": n})
                    if n == 1:
                        point.rollback()

    session[Durability].run(root(book)).unwrap()
    assert booked(tmp_path) == [2]


def test_it_is_for_the_body_of_a_step(session):
    """Not for the run itself, and not for code outside of any."""

    @task(Durable())
    def order():
        with transaction():
            return 1

    with pytest.raises(NotInRun, match="in the run itself"):
        order()
    with pytest.raises(NotInRun, match="outside of a durable run"), transaction():
        pass


def test_a_lock_that_is_not_to_be_had_is_no_outcome(tmp_path, session, monkeypatch):
    """The run can be resumed."""
    monkeypatch.setattr("pegboard_durable.journal.opening.BUSY_SECONDS", 0.05)
    session[Durability]._journal.close()

    def book():
        try:
            with transaction() as connection:
                connection.execute(INSERT, {"n": 1})
        except Exception:  # noqa: BLE001 - as bodies do
            return "eaten"
        return "booked"

    order = root(book)
    other = sqlite3.connect(tmp_path / "journal.db", isolation_level=None, check_same_thread=False)
    with closing(other):

        @task(Durable())
        def locked():
            other.execute("BEGIN IMMEDIATE")
            return order()

        with pytest.raises(JournalUnavailable, match="locked"):
            session[Durability].run(locked, run_id="o")
        other.execute("ROLLBACK")
    assert booked(tmp_path) == []


def test_a_run_that_was_taken_over_has_no_effect(tmp_path, session):
    """The transaction is undone."""
    durability = session[Durability]
    taken = threading.Event()

    def book():
        if not taken.is_set():
            taken.set()
            row = durability._runs.row("o")
            durability._journal.claim(row, "somebody", now=0.0, lease=30.0, recovered=True)
        with transaction() as connection:
            connection.execute(INSERT, {"n": 1})

    with pytest.raises(Fenced):
        durability.run(root(book), run_id="o")
    assert booked(tmp_path) == []


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_child_that_is_forked_within_it_undoes_nothing(tmp_path, session):
    """What the parent did is committed by the parent."""

    def book():
        with transaction() as connection:
            connection.execute(INSERT, {"n": 1})
            child = os.fork()
            if not child:
                code = 3
                try:
                    POSITION.get().drop_transaction()
                    code = 0
                finally:
                    os._exit(code)
            connection.execute(INSERT, {"n": 2})
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    assert session[Durability].run(root(book)).unwrap() == 0
    assert booked(tmp_path) == [1, 2]
