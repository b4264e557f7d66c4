"""What is measured of durable runs."""

from __future__ import annotations

import math
import sqlite3
from contextlib import closing

import pytest

from pegboard import Durability, Durable, Session, task
from pegboard.testing import Instruments
from pegboard_durable import Fenced, InDoubt, pause, step


@task(Durable())
def double(x):
    return 2 * x


@task(Durable())
def total(xs):
    return sum(double(x) for x in xs)


@task(Durable())
def waits(x):
    double(x)
    return pause("go")


@task(Durable())
def fails():
    raise ValueError("no")


@task(Durable())
def doubts():
    raise InDoubt("nobody knows", run_id="", key="")


@pytest.fixture
def instruments():
    return Instruments()


def ended(instruments, task_name, status):
    return instruments.value(
        "pegboard_durable_runs_ended", pegboard_task_name=task_name, pegboard_run_status=status
    )


def test_runs_that_end_are_counted_by_how(journal, instruments):
    """By task and status; those that were set aside, too, and no suspension."""
    durability = Durability(journal)
    with Session(durability, instruments):
        for each in (total, total, fails, doubts, waits):
            durability.run(each, *(([1, 2],) if each in (total, waits) else ()))
        assert ended(instruments, "total", "DONE") == 2
        assert ended(instruments, "fails", "FAILED") == 1
        assert ended(instruments, "doubts", "ATTENTION") == 1
        assert not ended(instruments, "waits", "SUSPENDED")


def test_runs_by_status_are_those_of_the_journal(journal, instruments):
    """Of all processes: of a session before this one, too. What there is none of is 0."""
    with Session(Durability(journal)):
        total([1])
    durability = Durability(journal)
    with Session(durability, instruments):
        durability.run(waits, 1)
        counts = {
            status: instruments.value("pegboard_durable_runs", pegboard_run_status=status)
            for status in ("DONE", "SUSPENDED", "STUCK")
        }
    assert counts == {"DONE": 1, "SUSPENDED": 1, "STUCK": 0}


def test_a_journal_that_cannot_be_read_is_no_count(journal, instruments, tmp_path):
    """And no failed scrape."""
    with Session(Durability(journal), instruments):
        with closing(sqlite3.connect(tmp_path / "journal.db")) as connection:
            connection.execute("ALTER TABLE pegboard_runs RENAME TO gone")
        assert math.isnan(instruments.value("pegboard_durable_runs", pegboard_run_status="DONE"))


def test_steps_that_run_are_measured_and_replays_counted(journal, instruments):
    """Apart: a step that is answered from the journal takes no time."""
    durability = Durability(journal)
    with Session(durability, instruments):
        durability.run(waits, 1, run_id="a")
        durability.signal("a", "go")
        durability.resume("a")
        sizes = instruments.sizes("pegboard_durable_step_duration_seconds", pegboard_task_name="double")
        assert len(sizes) == 1
        assert instruments.value("pegboard_task_replays", pegboard_task_name="double") == 1


def test_a_run_that_was_taken_over_is_a_lease_lost(journal, instruments, tmp_path):
    """Counted once, in the process that lost it."""

    @task(Durable())
    def taken():
        with closing(sqlite3.connect(tmp_path / "journal.db")) as connection, connection:
            connection.execute("UPDATE pegboard_runs SET epoch = epoch + 1")
        step("next", int)

    durability = Durability(journal)
    with Session(durability, instruments):
        with pytest.raises(Fenced):
            durability.run(taken)
        assert instruments.value("pegboard_durable_lease_losses") == 1
