"""A forked child of a process that has a session installed."""

from __future__ import annotations

import io
import os

import pytest

from pegboard import Session, task
from pegboard_console import Console

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks there"),
    pytest.mark.usefixtures("pegboard_isolated"),
]


@task
def work():
    """Do nothing."""


def test_a_child_prints_its_calls_and_no_summary(in_child, caplog):
    """It says so once; the summary is the parent's, of the parent's calls."""
    shown = io.StringIO()
    session = Session(Console(shown, force=True), quiet=True).install()
    work()

    def child():
        before = len(shown.getvalue())
        work()
        tree = shown.getvalue()[before:]
        session.uninstall()
        return [tree.count("work"), shown.getvalue()[before + len(tree) :], caplog.messages]

    trees, at_the_end, said = in_child(child)
    assert (trees, at_the_end, len(said)) == (1, "", 1)
    assert "- Console(): the parent prints the summary, and calls of this process are not in it" in said[0]
    session.uninstall()
    assert shown.getvalue().count("calls") == 1


@pytest.mark.parametrize(
    "console", [{"force": False}, {"force": True, "summary": False}], ids=["not shown", "without"]
)
def test_a_child_says_nothing_of_a_summary_that_nobody_would_see(console, in_child, caplog):
    """There is none in the parent either."""
    session = Session(Console(io.StringIO(), **console), quiet=True).install()
    assert in_child(lambda: [work(), caplog.messages]) == [None, []]
    session.uninstall()
