"""Killed at any statement, a run ends as if it had not been."""

from __future__ import annotations

from crashing import crash_everywhere

ORDER = """
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


def test_a_run_killed_at_any_statement_ends_with_the_same_result(tmp_path):
    """At most one step runs again, and none whose outcome was recorded."""
    crashes = crash_everywhere(ORDER, tmp_path)
    assert {(crash.result, crash.error) for crash in crashes} == {("30", "")}
    assert {frozenset(crash.effects) for crash in crashes} == {frozenset(crashes[0].effects)}
    assert max(crash.repeats for crash in crashes) <= 1
