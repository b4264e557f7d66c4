"""A forked child of a process that has a session installed."""

from __future__ import annotations

import io
import json
import os

import pytest

from pegboard import Session, task
from pegboard_jsonlines import JSONLines

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks there"),
    pytest.mark.usefixtures("pegboard_isolated"),
]


@task
def work():
    """Do nothing."""


def test_a_child_writes_lines_of_its_own(tmp_path, in_child):
    """To the same file, each once and whole, under the session's id in the child and other call ids."""
    path = tmp_path / "lines"
    session = Session(JSONLines(path)).install()
    work()
    own = in_child(lambda: [work(), session.id, session.uninstall()][1])
    work()
    session.uninstall()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["session_id"] for line in lines] == [session.id, own, session.id]
    assert own != session.id
    assert len({line["call_id"] for line in lines}) == 3


def test_lines_that_the_parent_lost_are_the_parents_to_count(in_child, caplog):
    """A child begins with none, and says of none at its end."""

    class Full(io.StringIO):
        def write(self, text):
            raise OSError(28, "full")

    lines = JSONLines(Full())
    session = Session(lines, quiet=True).install()
    work()
    caplog.clear()

    def child():
        before = lines.dropped
        session.uninstall()
        return [before, caplog.messages]

    assert in_child(child) == [0, []]
    assert lines.dropped == 1
    session.uninstall()
