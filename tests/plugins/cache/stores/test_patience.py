"""How long a store is waited for."""

from __future__ import annotations

import threading

import pytest

from pegboard_cache.stores import load as load_module
from pegboard_cache.stores.patience import Patience, Prompt


@pytest.fixture(autouse=True)
def load(monkeypatch):
    """How many threads want to run, as this machine would say."""
    runnable = [0.0]
    monkeypatch.setattr(load_module, "_runnable", lambda: runnable)
    return runnable


def test_is_generous_on_a_busy_machine(load):
    """Where more wants to run than can, a late answer says nothing about the store, and is waited for."""
    load[0] = 10_000.0
    patience = Patience(first=0.25, least=0.015, most=2.0, on_load=0.25)
    assert patience.seconds() == 1.0
    patience.took(0.001)
    assert patience.seconds() == 0.25


def test_learns_how_quick_a_store_is():
    """It is four times the slowest answer of late, within its bounds; of many bytes more is expected."""
    patience = Patience(first=0.25, least=0.015, most=2.0)
    assert (patience.seconds(), patience.is_known) == (0.25, False)
    patience.took(0.001)
    assert (patience.seconds(), patience.is_known) == (0.015, True)
    patience.took(0.1)
    assert patience.seconds() == pytest.approx(0.4)
    assert patience.seconds(10_000_000) == pytest.approx(10.4)
    patience.took(9.0)
    assert patience.seconds() == 2.0


def test_forgets_what_was_slow():
    """One slow answer is forgotten after some quick ones."""
    patience = Patience(first=0.25, least=0.015, most=2.0)
    patience.took(0.1)
    for _ in range(100):
        patience.took(0.001)
    assert patience.seconds() == 0.015


def test_what_takes_too_long_is_left_behind():
    """A command that takes too long is a timeout, goes on, and its late answer is learnt from."""
    patience, going_on = Patience(first=0.01, least=0.01, most=2.0), threading.Event()
    learnt = threading.Event()
    took = patience.took
    patience.took = lambda seconds: (took(seconds), learnt.set())
    with pytest.raises(TimeoutError, match="no answer within"):
        Prompt(patience).run(going_on.wait, 10)
    assert not patience.is_known
    going_on.set()
    assert learnt.wait(10)
    assert patience.is_known


@pytest.mark.parametrize("error", [ValueError("no"), FileNotFoundError("none")])
def test_errors_are_the_command_s_own(error):
    """What the command raises is raised; that there is nothing is an answer like another."""

    def command():
        raise error

    patience = Patience(first=5, least=1, most=5)
    with pytest.raises(type(error)) as caught:
        Prompt(patience).run(command)
    assert caught.value is error
    assert patience.is_known == isinstance(error, FileNotFoundError)
