"""What is told of a fork: everything that asked to be, in the child, for as long as it lives."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import textwrap
import weakref

import pytest

from pegboard.parts import after_fork


class Owner:
    """Has something that works in one process alone."""

    def begin_anew(self) -> None:
        """Be told."""


def run(program):
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(program)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


OWNERS = """
import os, sys
from pegboard.parts import after_fork

class Owner:
    def __init__(self, name):
        self.name = name
        after_fork(self.begin_anew)

    def begin_anew(self):
        print("anew", self.name, flush=True)
        if self.name == "broken":
            raise ValueError("not here")

def fork_and_wait():
    pid = os.fork()
    if pid:
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    return pid == 0
"""
FORKS = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@FORKS
def test_all_are_told_in_the_child_in_their_order() -> None:
    """And in a child's child; not in the parent."""
    done = run(
        OWNERS
        + """
first, second = Owner("first"), Owner("second")
if fork_and_wait() and fork_and_wait():
    print("grandchild", flush=True)
"""
    )
    assert (done.stderr, done.returncode) == ("", 0)
    assert done.stdout.splitlines() == ["anew first", "anew second"] * 2 + ["grandchild"]


@FORKS
def test_one_that_fails_keeps_no_other_from_it() -> None:
    """It is reported as Python reports what nobody can catch."""
    done = run(
        OWNERS
        + """
broken, other = Owner("broken"), Owner("other")
fork_and_wait()
"""
    )
    assert done.returncode == 0
    assert done.stdout.splitlines() == ["anew broken", "anew other"]
    assert "ValueError: not here" in done.stderr


@FORKS
def test_what_is_gone_is_not_told() -> None:
    """Nor kept for it."""
    done = run(
        OWNERS
        + """
Owner("gone")
kept = Owner("kept")
fork_and_wait()
"""
    )
    assert (done.stdout, done.stderr) == ("anew kept\n", "")


def test_an_object_is_not_kept_alive() -> None:
    """It is referred to weakly."""
    owner = Owner()
    after_fork(owner.begin_anew)
    reference = weakref.ref(owner)
    del owner
    gc.collect()
    assert reference() is None


def test_a_plain_function_is_refused() -> None:
    """There is no object whose life it could share."""
    with pytest.raises(TypeError, match="bound method"):
        after_fork(print)
    with pytest.raises(TypeError, match="bound method"):
        after_fork(lambda: None)
