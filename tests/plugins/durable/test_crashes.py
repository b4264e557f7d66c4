"""Killed at any instant, a run ends as if it had not been."""

from __future__ import annotations

import pytest
from crashing import crash_everywhere, may_trace

SYNC = """
import os
from crashing import effect
from pegboard import Durability, Durable, Session, task
from pegboard_durable import now, state, uuid4

@task(Durable())
def add(x, y):
    effect(f"add {x} {y}")
    return x + y

@task(Durable())
def twice(x):
    state["seen"] = x
    return add(x, x) + add(x, 0)

@task(Durable())
def order(n):
    at, key = now(), uuid4()
    total = sum(add(i, 1) for i in range(n))
    total += twice(total)
    assert at <= now() and key != uuid4()
    return total + state["seen"]

def main():
    with Session(Durability(os.environ["JOURNAL"])) as session:
        return session[Durability].run(order, 3, run_id="order-1").unwrap()
"""

ASYNC = """
import asyncio, os
from crashing import effect
from pegboard import Durability, Durable, Session, task

@task(Durable())
async def add(x, y):
    effect(f"add {x} {y}")
    return x + y

@task(Durable())
async def order(n):
    first = await add(0, 1)
    both = await asyncio.gather(add(first, 1), add(first, 2))
    return sum(both) + sum([await add(i, 9) for i in range(n)])

async def both():
    async with Session(Durability(os.environ["JOURNAL"])) as session:
        return (await session[Durability].arun(order, 3, run_id="order-1")).unwrap()

def main():
    return asyncio.run(both())
"""

TRANSACTION = """
import os
from sqlalchemy import text
from crashing import effect
from pegboard import Durability, Durable, Session, task
from pegboard_durable import transaction

@task(Durable())
def book(n):
    with transaction() as connection:
        if not connection.execute(text("SELECT count(*) FROM sqlite_schema WHERE name = 'bookings'")).scalar():
            connection.execute(text("CREATE TABLE bookings (n INTEGER)"))
        connection.execute(text("INSERT INTO bookings VALUES (:n)"), {"n": n})
        return connection.execute(text("SELECT count(*) FROM bookings")).scalar()

@task(Durable())
def order():
    return [book(n) for n in range(3)]

@task(Durable())
def booked():
    return read()

@task(Durable())
def read():
    with transaction() as connection:
        return connection.execute(text("SELECT group_concat(n) FROM bookings")).scalar()

def main():
    with Session(Durability(os.environ["JOURNAL"])) as session:
        counts = session[Durability].run(order, run_id="order-1").unwrap()
        return counts, session[Durability].run(booked).unwrap()
"""


@pytest.mark.parametrize(
    ("program", "result", "lanes", "every"),
    [
        pytest.param(SYNC, "30", 1, 13, id="sync"),
        pytest.param(SYNC, "30", 1, 1, id="sync, everywhere", marks=pytest.mark.slow),
        pytest.param(ASYNC, "35", 2, 17, id="async"),
        pytest.param(ASYNC, "35", 2, 1, id="async, everywhere", marks=pytest.mark.slow),
        pytest.param(TRANSACTION, "([1, 2, 3], '0,1,2')", 0, 25, id="transaction"),
        pytest.param(
            TRANSACTION, "([1, 2, 3], '0,1,2')", 0, 1, id="transaction, everywhere", marks=pytest.mark.slow
        ),
    ],
)
def test_a_run_killed_at_any_statement_ends_with_the_same_result(tmp_path, program, result, lanes, every):
    """At most one step a lane runs again, and none whose outcome was recorded; a transaction's effects happen once."""
    crashes = crash_everywhere(program, tmp_path, every=every)
    assert {(crash.result, crash.error) for crash in crashes} == {(result, "")}
    assert {frozenset(crash.effects) for crash in crashes} == {frozenset(crashes[0].effects)}
    assert max(crash.repeats for crash in crashes) <= lanes


@pytest.mark.slow
def test_a_run_killed_again_and_again_ends_with_the_same_result(tmp_path):
    """Three processes in a row are killed, each at its own k-th statement."""
    crashes = crash_everywhere(SYNC, tmp_path, times=3, every=3)
    assert {(crash.result, crash.error) for crash in crashes} == {("30", "")}
    assert {frozenset(crash.effects) for crash in crashes} == {frozenset(crashes[0].effects)}
    assert max(crash.repeats for crash in crashes) <= 3


@pytest.mark.parametrize(
    "every", [pytest.param(60, id="some"), pytest.param(1, id="all", marks=pytest.mark.slow)]
)
def test_a_run_killed_at_any_write_ends_with_the_same_result(tmp_path, every):
    """In the middle of a commit too."""
    if not may_trace():
        pytest.skip("processes may not be traced here")
    crashes = crash_everywhere(SYNC, tmp_path, every=every, at="writes")
    assert {(crash.result, crash.error) for crash in crashes} == {("30", "")}
    assert {frozenset(crash.effects) for crash in crashes} == {frozenset(crashes[0].effects)}
    assert max(crash.repeats for crash in crashes) <= 1
    assert len(crashes) > 60 / every
