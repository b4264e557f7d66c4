"""A child process of a program that shows progress."""

from __future__ import annotations

import os

import pytest

from pegboard import Session, task
from pegboard_progress import Progress


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_child_writes_as_if_there_were_no_bars(terminal):
    """Its streams are given back, it draws nothing, and no lock of the parent's threads stops it."""
    ours, theirs = os.pipe()

    @task
    def double(x):
        return 2 * x

    @task
    def rows():
        yield 1

    with Session(Progress(terminal, live=True, after=0), strict=True, inherit=False):
        stream = rows()
        next(stream)
        child = os.fork()
        if child == 0:
            before = terminal.getvalue()
            terminal.write("from the child\n")
            fine = double.map([1, 2]) == [2, 4] and terminal.getvalue() == before + "from the child\n"
            os.write(theirs, b"fine" if fine else b"wrong")
            os._exit(0)
        os.waitpid(child, 0)
        stream.close()
    assert os.read(ours, 10) == b"fine"
    os.close(ours)
    os.close(theirs)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.parametrize(("live", "shown"), [(False, 1), (True, 0)], ids=["lines", "bars"])
def test_a_child_of_an_installed_session_writes_lines_and_draws_no_bars(
    pegboard_isolated, terminal, in_child, live, shown
):
    """Lines of several processes can stand below each other; bars cannot."""

    @task
    def double(x):
        return 2 * x

    session = Session(Progress(terminal, live=live, after=0, every=0)).install()

    def child():
        before = terminal.getvalue()
        double.map([1, 2])
        return terminal.getvalue().removeprefix(before)

    assert ("map double" in in_child(child)) == bool(shown)
    session.uninstall()
