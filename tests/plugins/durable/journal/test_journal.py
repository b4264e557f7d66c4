"""The tables as they are read and written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import pegboard_durable
from pegboard_durable import Fenced, Status
from pegboard_durable._records import Claim, RunRow, Step
from pegboard_durable.journal.journal import Append, Journal
from pegboard_durable.journal.tables import metadata

HOSTILE = ["'; DROP TABLE pegboard_runs; --", "a\x00b", "a\nb", "ä\u2028", '"', "%s :name ?", "x" * 5_000]


@pytest.fixture
def opened(journal):
    """A journal with a run of this owner."""
    made = Journal(journal)
    row = RunRow(
        "r", "t", b"input", "digest", "print", Status.RUNNING, 1.0, 1.0, owner="me", epoch=1, lease=30.0
    )
    made.create(row, "me")
    yield made
    made.close()


def step(key, value=b"v"):
    return Step(key, "step", "ok", "d", value, 1, "1", "f", 1.0, 0.1)


CLAIM = Claim("r", "me", 1)


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_texts_are_bound_and_come_back_as_they_were(opened, text):
    """Whatever is in them."""
    opened.append(Append(CLAIM, [step(text)._replace(digest=text)]))
    opened.put_signal("r", text, text, b"sent", now=2.0)
    assert [(each.key, each.digest) for each in opened.steps("r").values()] == [(text, text)]
    assert opened.take_signal(CLAIM, text, step("w"), lambda value: value) == b"sent"
    assert opened.get(text) is None


def test_no_statement_is_put_together_of_text():
    """All are made of the tables, but for pragmas, whose values are numbers and names of the source."""
    folder = Path(pegboard_durable.__file__).parent
    words = r"(SELECT|INSERT|UPDATE|DELETE|DROP|CREATE|ALTER)\s"
    for path in folder.rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        assert not re.search(rf"f[\"']{{1,3}}\s*{words}", source), path
        assert not re.search(rf"[\"']\s*{words}.*[\"']\s*(%|\+|\.format)", source), path
        assert "text(" not in re.sub(r"\w+text\(|checks\.text\(", "", source), path


def test_rows_are_written_together_or_not_at_all(opened):
    """Where the run is another process's by now, none is."""
    with pytest.raises(Fenced):
        opened.append(Append(CLAIM._replace(epoch=2), [step("a"), step("b")]))
    assert opened.steps("r") == {}


def test_a_run_that_was_taken_over_keeps_nothing_of_others_back(opened):
    """In one commit for several."""
    other = opened.get("r")._replace(id="s")
    opened.create(other, "me")
    mine, theirs = Append(CLAIM, [step("a")]), Append(Claim("s", "you", 1), [step("b")])
    answers = opened.append_all([theirs, mine, theirs])
    assert [type(each) for each in answers] == [Fenced, type(None), Fenced]
    assert list(opened.steps("r")) == ["a"]
    assert opened.steps("s") == {}


def test_a_run_is_claimed_by_one(opened):
    """Who read it before somebody else claimed it gets nothing."""
    row = opened.get("r")
    claims = [opened.claim(row, name, now=5.0, lease=30.0, recovered=True) for name in ("a", "b")]
    assert claims == [Claim("r", "a", 2), None]
    assert opened.get("r").recoveries == 1
    assert opened.renew([CLAIM, claims[0]], 99.0) == [CLAIM]
    with pytest.raises(Fenced):
        opened.finish(CLAIM, Status.DONE, b"", now=6.0, why="returned")


def test_an_append_renews_a_lease_that_it_is_told_to(opened):
    """Without a transaction of its own."""
    opened.append(Append(CLAIM, [step("a")], until=77.0))
    assert opened.get("r").lease_until == 77.0


def test_each_change_of_a_status_is_noted(opened):
    """When, from what to what, by whom and why."""
    opened.leave(CLAIM, Status.SUSPENDED, now=3.0, not_before=9.0, why="waits")
    opened.set_status(opened.get("r"), Status.STUCK, now=4.0, by="you", why="died")
    opened.reopen(opened.get("r"), now=5.0, by="you", why="retried")
    assert opened.changes("r") == [
        (1.0, "", "RUNNING", "me", "created"),
        (3.0, "RUNNING", "SUSPENDED", "me", "waits"),
        (4.0, "SUSPENDED", "STUCK", "you", "died"),
        (5.0, "STUCK", "PENDING", "you", "retried"),
    ]
    assert opened.count() == {"PENDING": 1}


def test_a_suspended_run_is_due_when_a_signal_comes(opened):
    """Also when it came between its look and its leaving."""
    opened.leave(CLAIM, Status.SUSPENDED, now=3.0, not_before=1e18, why="waits")
    opened.put_signal("r", "go", "1", b"", now=4.0)
    assert opened.get("r").not_before == 4.0
    again = opened.claim(opened.get("r"), "me", now=5.0, lease=30.0, recovered=False)
    opened.put_signal("r", "other", "2", b"", now=6.0)
    opened.leave(again, Status.SUSPENDED, now=7.0, not_before=1e18, why="waits", looked_at=5.5)
    assert opened.get("r").not_before == 7.0


def test_what_is_over_for_long_is_forgotten_with_all_that_belongs_to_it(opened):
    """What is not over stays."""
    row = opened.get("r")
    for number in range(230):
        opened.create(row._replace(id=f"n{number}"), "me")
    for number in range(230):
        opened.finish(Claim(f"n{number}", "me", 1), Status.DONE, b"", now=float(number), why="returned")
    opened.append(Append(CLAIM, [step("a")]))
    assert opened.forget(205.0) == 205
    assert opened.count() == {"DONE": 25, "RUNNING": 1}
    assert opened.changes("n0") == []
    assert list(opened.steps("r")) == ["a"]


def test_names_of_tables_say_whose_they_are():
    """They may be in a database with others."""
    assert {name.partition("_")[0] for name in metadata.tables} == {"pegboard"}
