"""Who works on a run, and whether it is known to have ended."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pegboard_durable._owner import Owner


@pytest.fixture
def process():
    """A process that lives, and its owner."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as started:
        yield started, owner_of(started.pid)
        started.kill()


def owner_of(pid):
    here = Owner.here()
    began = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[19]
    return here._replace(pid=pid, started=began)


def test_an_owner_is_read_as_it_was_written():
    """Another text is none."""
    here = Owner.here()
    assert Owner.parse(str(here)) == here
    for text in ("", "somebody", "a/b/c/d/e", "a/b/1/d", "a/b/1/d/e/f"):
        assert Owner.parse(text) is None


def test_two_owners_of_one_process_are_told_apart():
    """They may have sessions of their own."""
    assert Owner.here() != Owner.here()


def test_a_process_that_lives_is_not_dead_and_one_that_ended_is(process):
    """Also before its parent has waited for it."""
    started, owner = process
    assert not owner.is_dead(Owner.here())
    started.kill()
    os.waitid(os.P_PID, started.pid, os.WEXITED | os.WNOWAIT)
    assert owner.is_dead(Owner.here())
    started.wait()
    assert owner.is_dead(Owner.here())


def test_a_process_of_the_same_number_that_began_later_is_another(process):
    """The one that is looked for has ended."""
    _, owner = process
    assert owner._replace(started="1").is_dead(Owner.here())


@pytest.mark.parametrize("change", [{"boot": "other"}, {"namespace": "other"}, {"boot": ""}])
def test_what_cannot_be_seen_from_here_is_not_called_dead(process, change):
    """Another machine, another namespace of process ids, or a system that tells neither."""
    _, owner = process
    assert not owner._replace(started="1", **change).is_dead(Owner.here())
