"""A journal whose file is torn or damaged: a right result, or an error that says so, and never a wrong value."""

from __future__ import annotations

import random
import shutil
import sqlite3
import time
from contextlib import closing

import pytest

from pegboard import Durability, Durable, Session, task
from pegboard.testing import FakeClock
from pegboard_durable import DurableError, JournalCorrupt, pause, state

RIGHT = ["x0", "x1", "x2", "x3", "x4", "x5", 7]


@task(Durable())
def part(x):
    return f"x{x}"


@task(Durable())
def whole():
    state["seven"] = 7
    parts = [part(x) for x in range(6)]
    pause("go")
    return [*parts, state["seven"]]


@task(Durable())
def ended(x):
    return [part(x), x]


def write(address):
    """Write a journal with a run that is suspended, and one that is over; return the file with all in it, and its log."""
    with Session(Durability(address)) as session:
        durability = session[Durability]
        durability.run(whole, run_id="open")
        durability.run(ended, 5, run_id="over")
        durability.signal("open", "go", id="s")


def read(path):
    """Go on with both runs; what each came to, or the error."""
    found = []
    with Session(Durability(f"sqlite:///{path}")) as session:
        for ask in (
            lambda durability: durability.run(whole, run_id="open"),
            lambda durability: durability.run(ended, 5, run_id="over"),
        ):
            try:
                run = ask(session[Durability])
                found.append(run.value if run.status == "DONE" else run.status)
            except DurableError as error:
                found.append(error)
    return found


def is_right(found):
    one, other = found
    right = one in (RIGHT, "SUSPENDED") or isinstance(one, DurableError)
    return right and (other == ["x5", 5] or isinstance(other, DurableError))


@pytest.mark.parametrize("part_of_log", [0.0, 0.25, 0.5, 0.75, 1.0])
def test_a_log_that_was_cut_gives_what_was_before(tmp_path, part_of_log):
    """A valid prefix of what was committed: what is missing runs again."""
    first = tmp_path / "first.db"
    durability = Durability(f"sqlite:///{first}")
    with Session(durability) as session:
        session[Durability].run(whole, run_id="open")
        session[Durability].signal("open", "go")
        path = tmp_path / "cut.db"
        shutil.copy(first, path)
        log = (tmp_path / "first.db-wal").read_bytes()
        assert len(log) > 10_000
        (tmp_path / "cut.db-wal").write_bytes(log[: int(len(log) * part_of_log)])
    later = FakeClock(time.time() + 60)  # the lease of this process, which lives, is over
    with Session(later, Durability(f"sqlite:///{path}")) as session:
        run = session[Durability].run(whole, run_id="open")
        if run.status == "SUSPENDED":  # the signal was in what is missing
            session[Durability].signal("open", "go")
            run = session[Durability].resume("open")
        assert run.value == RIGHT


@pytest.mark.parametrize(
    "seed", [pytest.param(0, id="0"), *(pytest.param(s, marks=pytest.mark.slow) for s in range(1, 5))]
)
def test_a_bit_that_flipped_gives_no_wrong_value(tmp_path, seed):
    """It is found, or harmless."""
    first = tmp_path / "first.db"
    write(f"sqlite:///{first}")
    data = first.read_bytes()
    chance = random.Random(seed)
    kinds = []
    for number in range(16):
        path = tmp_path / f"{number}.db"
        flipped = bytearray(data)
        flipped[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        path.write_bytes(flipped)
        try:
            found = read(path)
        except DurableError as error:
            found = [error, error]
        assert is_right(found), (number, found)
        kinds.append(type(found[0]))


def damage(path, statement):
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute(statement).rowcount >= 1
        connection.commit()


@pytest.mark.parametrize(
    ("statement", "table"),
    [
        ("UPDATE pegboard_steps SET value = zeroblob(length(value)) WHERE key = 'part#2'", "steps"),
        ("UPDATE pegboard_steps SET digest = '' WHERE key = 'part#2'", "steps"),
        ("UPDATE pegboard_steps SET status = 'error' WHERE key = 'part#2'", "steps"),
        ("UPDATE pegboard_steps SET status = 'odd' WHERE key = 'part#2'", "steps"),
        ("UPDATE pegboard_steps SET enclosing = 2 WHERE key = 'part#2'", "steps"),
        ("UPDATE pegboard_runs SET input = zeroblob(3) WHERE id = 'open'", "runs"),
        ("UPDATE pegboard_runs SET cancel_asked = 1 WHERE id = 'open'", "runs"),
        ("UPDATE pegboard_runs SET status = 'DONE' WHERE id = 'open'", "runs"),
        ("UPDATE pegboard_runs SET status = 'ODD' WHERE id = 'open'", "runs"),
        ("UPDATE pegboard_runs SET recoveries = 9 WHERE id = 'open'", "runs"),
        ("UPDATE pegboard_runs SET lease_until = 'soon' WHERE id = 'open'", "runs"),
        ("UPDATE pegboard_inbox SET value = zeroblob(length(value))", "inbox"),
    ],
)
def test_a_row_that_is_not_as_it_was_written_is_named(tmp_path, statement, table):
    """The other run can be read."""
    path = tmp_path / "journal.db"
    write(f"sqlite:///{path}")
    damage(path, statement)
    error, other = read(path)
    assert isinstance(error, JournalCorrupt)
    assert (error.table, error.journal) == (table, f"sqlite:///{path}")
    assert "open" in error.key
    assert other == ["x5", 5]


def test_a_file_that_is_no_database_is_an_error(tmp_path):
    """It stays as it is."""
    path = tmp_path / "journal.db"
    path.write_bytes(b"not a database, whatever its name says" * 100)
    before = path.read_bytes()
    with (
        pytest.raises(JournalCorrupt, match="the file is not as it was written"),
        Session(Durability(f"sqlite:///{path}")),
    ):
        pytest.fail("the session began")
    assert path.read_bytes() == before
