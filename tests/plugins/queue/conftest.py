"""A manager, and functions that stand still until they are let go."""

from __future__ import annotations

import threading

import pytest

from pegboard import Session, hookimpl
from pegboard_queue import TaskManager


class Gate:
    """A function that says when it runs, and goes on when the gate is opened."""

    def __init__(self) -> None:
        self.running = threading.Event()
        self.open = threading.Event()

    def __call__(self) -> str:
        self.running.set()
        assert self.open.wait(10)
        return "through"


class Changes:
    """Keeps what it is told of items."""

    name = "changes"

    def __init__(self) -> None:
        self.told = []

    @hookimpl(optionalhook=True)
    def on_item_change(self, item, old, new) -> None:
        self.told.append((item.name, str(old), str(new)))

    def of(self, name: str) -> list[str]:
        return [new for item, _, new in self.told if item == name]


@pytest.fixture
def gate():
    """A closed gate; opened at the end in any case."""
    made = Gate()
    yield made
    made.open.set()


@pytest.fixture
def gates():
    """A maker of gates."""
    made: list[Gate] = []

    def make() -> Gate:
        made.append(Gate())
        return made[-1]

    yield make
    for each in made:
        each.open.set()


@pytest.fixture
def changes():
    """Attached to `session`."""
    return Changes()


@pytest.fixture
def session(changes):
    """A strict session of its own."""
    with Session(changes, strict=True, inherit=False) as opened:
        yield opened


@pytest.fixture
def manager(session, gate):
    """One slot, in a session."""
    with TaskManager(1) as made:
        yield made
        gate.open.set()
